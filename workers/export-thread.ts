import { Piscina } from 'piscina';
import { inSpan } from '../lib/telemetry/tracing.js';
import type { ExportOutcome, ExportThreadTask } from './export.js';

/** The export thread of this process. */
export interface ExportThread {
  run(task: ExportThreadTask): Promise<ExportOutcome>;
  close(): Promise<void>;
}

/** An idle thread ends after this long: most workers write few exports. */
const IDLE_MS = 60_000;
/** Room for young objects: V8's own 48 MiB fill up in a busy thread, whatever it streams. */
const YOUNG_MIB = 8;

/** One thread, from the first export on: a second would only take the CPU from the renditions. */
export function startExportThread(entry: URL): ExportThread {
  const pool = new Piscina<ExportThreadTask, ExportOutcome>({
    filename: entry.href,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
    atomics: 'async',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
  });
  return {
    run: async (task) =>
      inSpan(
        () => ({ name: 'write export in thread', attributes: { 'halftone.format': task.body.format } }),
        () => pool.run(task, { transferList: [task.progress] }),
      ),
    close: () => pool.close(),
  };
}
