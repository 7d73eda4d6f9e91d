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

const TASKS_A_THREAD = 2;

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
    // The second waits in the thread for its turn, and starts while the first is still being written.
    concurrentTasksPerWorker: TASKS_A_THREAD,
    // A frozen loop between tasks would hold up what a thread still has to clean up.
    atomics: 'async',
  });
  const started = performance.now();
  let busyMs = 0;
  return {
    run: async (task) => {
      const outcome = await pool.run(task, task.progress ? { transferList: [task.progress] } : {});
      busyMs += outcome.busyMs;
      return outcome;
    },
    get waiting() {
      return pool.queueSize;
    },
    get utilization() {
      return Math.min(1, busyMs / (threads * (performance.now() - started)));
    },
    close: () => pool.close(),
  };
}
