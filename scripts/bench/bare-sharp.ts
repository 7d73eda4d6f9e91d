import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { BareTask } from './bare-sharp-thread.js';
import type { Photograph } from './photographs.js';
import { photoAt } from './upload.js';

/** What one turn of the loop measured. */
export interface BareTurn {
  readonly perSecond: number;
  readonly cpuMs: number;
}

/** The comparison: sharp in a loop, in some threads. */
export interface BareSharp {
  /** Resizes so many photographs. */
  run(count: number): Promise<BareTurn>;
  close(): Promise<void>;
}

/** Starts the threads; they stay between rounds, as the service's do. */
export function startBareSharp(photos: readonly Photograph[], folder: string, threads: number): BareSharp {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL('./bare-sharp-thread.js', import.meta.url)),
  );
  return {
    run: async (count) => {
      const output = join(folder, 'bare');
      await mkdir(output);
      const cpu = process.cpuUsage();
      const started = performance.now();
      await Promise.all(
        workers.map((worker, thread) => {
          worker.postMessage(shareOf(photos, output, count, threads, thread));
          return once(worker, 'message');
        }),
      );
      const seconds = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      await rm(output, { recursive: true });
      return { perSecond: count / seconds, cpuMs: (user + system) / 1000 };
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** One thread's share: the photographs whose number falls on it. */
function shareOf(
  photos: readonly Photograph[],
  output: string,
  count: number,
  threads: number,
  thread: number,
): BareTask {
  const files = [];
  for (let index = thread; index < count; index += threads) {
    files.push({ input: photoAt(photos, index).path, output: join(output, `${index}.jpg`) });
  }
  return { files };
}
