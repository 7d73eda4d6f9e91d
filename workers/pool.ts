import { Piscina } from 'piscina';
import type { RenderOutcome, RenderTask } from '../lib/renditions/render-task.js';
import { inSpan, recordSpan } from '../lib/telemetry/tracing.js';

/** The resize threads of this process. */
export interface ResizePool {
  run(task: RenderTask): Promise<RenderOutcome>;
  /** Tasks that wait for a thread. */
  readonly waiting: number;
  readonly threads: number;
  /** How long the threads have had tasks, all together, in seconds; it counts once where a thread has two. */
  readonly busySeconds: number;
  close(): Promise<void>;
}

// While the one is between two steps, its data on the way to or from JavaScript, the other has the CPU.
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
    concurrentTasksPerWorker: TASKS_A_THREAD,
    // A frozen loop between tasks would hold up what a thread still has to clean up.
    atomics: 'async',
  });
  let tasks = 0;
  let busyMs = 0;
  let countedAt = performance.now();
  const count = (change: -1 | 0 | 1): number => {
    const now = performance.now();
    busyMs += Math.min(tasks, threads) * (now - countedAt);
    countedAt = now;
    tasks += change;
    return busyMs;
  };
  const run = async (task: RenderTask): Promise<RenderOutcome> => {
    count(1);
    try {
      const outcome = await pool.run(task, task.progress ? { transferList: [task.progress] } : {});
      // A thread has no SDK of its own: it says when it began, and its span is made here.
      const { id, startedAt, ms } = outcome.thread;
      const attributes = { 'thread.id': id, 'halftone.renditions': task.renditions.length };
      recordSpan({ name: 'render in thread', attributes }, startedAt, ms);
      return outcome;
    } finally {
      count(-1);
    }
  };
  return {
    run: async (task) =>
      inSpan(
        () => ({ name: 'render' }),
        () => run(task),
      ),
    threads,
    get waiting() {
      return pool.queueSize;
    },
    get busySeconds() {
      return count(0) / 1000;
    },
    close: () => pool.close(),
  };
}
