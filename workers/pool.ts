import { Piscina } from 'piscina';
import type { RenderOutcome, RenderTask } from '../lib/renditions/render-task.js';

/** The resize threads of this process. */
export interface ResizePool {
  run(task: RenderTask): Promise<RenderOutcome>;
  /** Tasks that wait for a thread. */
  readonly waiting: number;
  /** Share of the threads' time that was spent on tasks, 0–1. */
  readonly utilization: number;
  close(): Promise<void>;
}

/**
 * Starts the pool: as many threads as asked, for as long as the process lives.
 *
 * @param entry the compiled thread entry, `dist/workers/resize.js`
 */
export function startResizePool(entry: URL, threads: number): ResizePool {
  const pool = new Piscina<RenderTask, RenderOutcome>({
    filename: entry.href,
    minThreads: threads,
    maxThreads: threads,
    // A frozen loop between tasks would hold up what a thread still has to clean up.
    atomics: 'async',
  });
  return {
    run: (task) => pool.run(task, task.progress ? { transferList: [task.progress] } : {}),
    get waiting() {
      return pool.queueSize;
    },
    get utilization() {
      return pool.utilization;
    },
    close: () => pool.close(),
  };
}
