import { increase, quantile, type Reading, total } from './reading.js';

/** How a process, and the worker that it looks after, fared in the last minute. */
export interface ProcessSnapshot {
  readonly requests: number;
  /** Those that were answered with 5xx. */
  readonly errors: number;
  /** Requests whose answers should come at once. */
  readonly prompt: { readonly requests: number; readonly p95Ms: number };
  /** Empty until there is enough to tell: what a start holds up is over. */
  readonly loops: readonly { readonly process: string; readonly p99Ms: number }[];
  readonly memory: { readonly usedBytes: number; readonly limitBytes: number };
  /** Undefined where this process looks after none. */
  readonly workerAnswers: boolean | undefined;
}

/** What is looked at: a minute is many requests, and soon over. */
const WINDOW_MS = 60_000;
/** A timer fires ten times a second: below this the 99th percentile is the worst one. */
const ENOUGH_MS = 30_000;

/** The readings of the last minute, and what they say together. */
export class ReadingWindow {
  readonly #readings: Reading[] = [];

  /**
   * Takes a reading.
   *
   * @param limitBytes memory that there is
   * @param workerAnswers whether a worker that this process looks after answered; undefined: it has none
   */
  add(reading: Reading, limitBytes: number, workerAnswers: boolean | undefined): ProcessSnapshot {
    this.#readings.push(reading);
    // The last one that is older than the window stays: what is counted since covers the whole of it.
    while ((this.#readings[1]?.at ?? reading.at) < reading.at - WINDOW_MS) this.#readings.shift();
    const before = this.#readings[0] === reading ? undefined : this.#readings[0];
    const loops = reading.at - (before?.at ?? reading.at) < ENOUGH_MS ? [] : [...reading.loops];
    const prompt = increase(before?.prompt, reading.prompt);
    return {
      requests: reading.requests - (before?.requests ?? 0),
      errors: reading.errors - (before?.errors ?? 0),
      prompt: { requests: total(prompt), p95Ms: quantile(prompt, 0.95) * 1000 },
      loops: loops.map(([process, loop]) => ({
        process,
        p99Ms: quantile(increase(before?.loops.get(process), loop), 0.99) * 1000,
      })),
      memory: { usedBytes: reading.rssBytes, limitBytes },
      workerAnswers,
    };
  }
}
