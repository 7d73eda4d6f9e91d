/**
 * One after the other: of the tasks that a thread has, one decodes and encodes at a time, so that a
 * thread never takes more than its core. What they do besides, such as writing, overlaps.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task when those before it have ended, well or badly. */
  take<T>(task: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(task);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
