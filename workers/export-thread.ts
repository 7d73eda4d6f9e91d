import { Piscina } from 'piscina';
import type { ExportOutcome, ExportThreadTask } from './export.js';

/** The export thread of this process. */
export interface ExportThread {
  run(task: ExportThreadTask): Promise<ExportOutcome>;
  close(): Promise<void>;
}

/** An idle thread ends after this long: most workers write few exports. */
const IDLE_MS = 60_000;

/** One thread, from the first export on: a second would only take the CPU from the renditions. */
export function startExportThread(entry: URL): ExportThread {
  const pool = new Piscina<ExportThreadTask, ExportOutcome>({
    filename: entry.href,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_MS,
    atomics: 'async',
  });
  return {
    run: (task) => pool.run(task, { transferList: [task.progress] }),
    close: () => pool.close(),
  };
}
