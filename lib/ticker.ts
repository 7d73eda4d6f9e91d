/** What a ticker runs, and how often. */
export interface TickerOptions {
  readonly run: () => Promise<void>;
  /** Whether there is anything to run it for: without that it stands still until it is asked again. */
  readonly isNeeded: () => boolean;
  /** Longest between two runs while it is needed, in ms. */
  readonly everyMs: number;
  /** Told of a run that failed, and that nobody waited for. */
  readonly onError: (error: unknown) => void;
}

/** Runs one thing soon after it was asked to, however often it is asked, and never twice at a time. */
export class Ticker {
  readonly #options: TickerOptions;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #closed = false;

  constructor(options: TickerOptions) {
    this.#options = options;
  }

  /** Has a run begin within so many ms; one that is due sooner counts. */
  within(ms: number): void {
    const dueAt = performance.now() + ms;
    if (this.#closed || dueAt >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.now().catch(this.#options.onError);
    }, ms);
  }

  /**
   * Waits for a run that begins from now on; whoever asks before it begins shares it.
   *
   * @throws what the run throws
   */
  now(): Promise<void> {
    this.#next ??= this.#running.then(() => this.#run());
    return this.#next;
  }

  /** Runs nothing more; resolves when a run that is under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): Promise<void> {
    this.#next = undefined;
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
    if (this.#closed) return Promise.resolve();
    const run = this.#options.run();
    this.#running = run
      .catch(() => undefined)
      .then(() => {
        if (this.#options.isNeeded()) this.within(this.#options.everyMs);
      });
    return run;
  }
}
