/** What a request can wait for, as `Server-Timing` names it. */
export type TimedPart = 'queue' | 'db' | 'storage';

/** Adds up what one request spends its time on, in ms (W3C Server Timing). */
export class Timings {
  readonly #startedAt = performance.now();
  // Most requests measure nothing: the poll of a cached job must not pay for a map.
  #parts: Map<TimedPart, number> | undefined;
  #heldMs = 0;

  /** Runs something and adds its time to a part. */
  async measure<T>(part: TimedPart, work: () => PromiseLike<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      this.#parts ??= new Map();
      this.#parts.set(part, (this.#parts.get(part) ?? 0) + performance.now() - startedAt);
    }
  }

  /** Runs a wait that the client asked for: it counts as `queue`, and not as time that the service took. */
  async hold<T>(wait: () => PromiseLike<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      return await this.measure('queue', wait);
    } finally {
      this.#heldMs += performance.now() - startedAt;
    }
  }

  /** Milliseconds that the service took so far: without what the client asked to wait. */
  taken(): number {
    return this.total() - this.#heldMs;
  }

  /** Milliseconds since the request arrived. */
  total(): number {
    return performance.now() - this.#startedAt;
  }

  /** The header's value: `db;dur=1.2, total;dur=3.4`. */
  header(): string {
    const total = `total;dur=${this.total().toFixed(1)}`;
    if (this.#parts === undefined) return total;
    return [...this.#parts].map(([part, ms]) => `${part};dur=${ms.toFixed(1)}, `).join('') + total;
  }
}
