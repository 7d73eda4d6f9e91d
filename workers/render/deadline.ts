import { timedOut } from './failures.js';

/** The time that a task has, shared by all its pipelines; it is over at once when the task is cancelled. */
export class Deadline {
  readonly #at: number;
  readonly #cancelled: Int32Array | undefined;

  /** @param cancelled see `RenderTask` */
  constructor(seconds: number, cancelled?: Int32Array) {
    this.#at = performance.now() + seconds * 1000;
    this.#cancelled = cancelled;
  }

  /**
   * What is left, in whole seconds of at least 1, as `sharp.timeout` takes it (at most an hour).
   *
   * @throws Problem JOB_TIMED_OUT when nothing is left
   */
  secondsLeft(): number {
    const left = this.#at - performance.now();
    if (left <= 0 || (this.#cancelled && Atomics.load(this.#cancelled, 0) !== 0)) throw timedOut();
    return Math.min(3600, Math.ceil(left / 1000));
  }
}
