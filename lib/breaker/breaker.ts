/** `closed`: calls pass; `open`: none does; `half-open`: one is let through to see. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** Failures one after the other that open it. */
  readonly failures: number;
  /** How long it stays open the first time, in ms; each failed look doubles it. */
  readonly openMs: number;
  readonly maxOpenMs: number;
  readonly now: () => number;
}

/**
 * A circuit breaker of one dependency. The kept libraries (opossum, cockatiel) refuse a call or let others
 * wait for the one that looks; deliveries are put off instead, and for that it has to be known until when.
 *
 * @see https://martinfowler.com/bliki/CircuitBreaker.html
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #openings = 0;
  #openUntil = 0;
  #looking = false;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get state(): BreakerState {
    if (this.#openings === 0) return 'closed';
    return this.#looking || this.#options.now() >= this.#openUntil ? 'half-open' : 'open';
  }

  /**
   * Asks to call. Every call that is let through is followed by {@link succeed}, {@link fail} or {@link withdraw}.
   *
   * @returns 0 to go on, or the ms to wait before asking again
   */
  enter(): number {
    if (this.#openings === 0) return 0;
    const left = this.#openUntil - this.#options.now();
    if (left > 0) return left;
    if (this.#looking) return this.#options.openMs;
    this.#looking = true;
    return 0;
  }

  /** The call went well: it closes. */
  succeed(): void {
    this.#failures = 0;
    this.#openings = 0;
    this.#looking = false;
  }

  /** The call failed in a way that says something of the dependency. */
  fail(): void {
    const { failures, openMs, maxOpenMs, now } = this.#options;
    this.#failures += 1;
    // One that was under way when it opened has nothing to add.
    if (this.#openings > 0 ? !this.#looking : this.#failures < failures) return;
    this.#looking = false;
    this.#openings += 1;
    this.#openUntil = now() + Math.min(maxOpenMs, openMs * 2 ** (this.#openings - 1));
  }

  /** The call told nothing: it was given up from our side. */
  withdraw(): void {
    this.#looking = false;
  }
}
