/**
 * Lets any number of tasks run side by side, or one quite alone. A job that was in hand when the
 * process died is run alone the next time: if the process dies again, it was that job.
 */
export class Isolation {
  #running = 0;
  #alone = false;
  readonly #queue: { alone: boolean; start: () => void }[] = [];

  /** Runs a task when it may; first come, first served, so that neither kind starves the other. */
  async run<T>(alone: boolean, task: () => Promise<T>): Promise<T> {
    await this.#enter(alone);
    try {
      return await task();
    } finally {
      this.#running -= 1;
      if (alone) this.#alone = false;
      this.#startNext();
    }
  }

  #enter(alone: boolean): Promise<void> {
    return new Promise((start) => {
      this.#queue.push({ alone, start });
      this.#startNext();
    });
  }

  #startNext(): void {
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || this.#alone || (next.alone && this.#running > 0)) return;
      this.#queue.shift();
      this.#running += 1;
      this.#alone = next.alone;
      next.start();
    }
  }
}
