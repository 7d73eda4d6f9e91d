import { TaskSignal } from '../../lib/renditions/render-task.js';
import { timedOut } from './failures.js';

/** The time that a task has, shared by all its pipelines; it is over at once when the task is cancelled. */
export class Deadline {
  readonly #at: number;
  readonly #signal: Int32Array | undefined;

  /** @param signal see `RenderTask` */
  constructor(seconds: number, signal?: Int32Array) {
    this.#at = performance.now() + seconds * 1000;
    this.#signal = signal;
  }

  /**
   * What is left, in whole seconds of at least 1, as `sharp.timeout` takes it (at most an hour).
   *
   * @throws Problem JOB_TIMED_OUT when nothing is left
   */
  secondsLeft(): number {
    const left = this.#at - performance.now();
    const isCancelled = this.#signal && Atomics.load(this.#signal, TaskSignal.cancelled) !== 0;
    if (left <= 0 || isCancelled) throw timedOut();
    return Math.min(3600, Math.ceil(left / 1000));
  }
}
