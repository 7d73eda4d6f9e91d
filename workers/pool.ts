import { Piscina } from 'piscina';
import type { RenderOutcome, RenderTask } from '../lib/renditions/render-task.js';
import { inSpan, recordSpan } from '../lib/telemetry/tracing.js';

/** The resize threads of this process. */
export interface ResizePool {
  run(task: RenderTask): Promise<RenderOutcome>;
  /** Tasks that wait for a thread. */
  readonly waiting: number;
  readonly threads: number;
  /** How long the threads have spent on tasks, all together, in seconds. */
  readonly busySeconds: number;
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
  let busyMs = 0;
  const run = async (task: RenderTask): Promise<RenderOutcome> => {
    const outcome = await pool.run(task, task.progress ? { transferList: [task.progress] } : {});
    busyMs += outcome.busyMs;
    // A thread has no SDK of its own: it says when it worked, and its span is made here.
    const attributes = { 'thread.id': outcome.thread.id, 'halftone.renditions': task.renditions.length };
    recordSpan({ name: 'render in thread', attributes }, outcome.thread.startedAt, outcome.busyMs);
    return outcome;
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
      return busyMs / 1000;
    },
    close: () => pool.close(),
  };
}
