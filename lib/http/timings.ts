/** What a request can wait for, as `Server-Timing` names it. */
export type TimedPart = 'queue' | 'db' | 'storage';

/** Adds up what one request spends its time on, in ms (W3C Server Timing). */
export class Timings {
  readonly #startedAt = performance.now();
  // Most requests measure nothing: the poll of a cached job must not pay for a map.
  #parts: Map<TimedPart, number> | undefined;

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
