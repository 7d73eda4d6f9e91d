import type { Logger } from '../logger.js';

/** How claims are kept alive. */
export interface LeaseOptions {
  /** Renews these claims in the record. */
  readonly renew: (claimIds: readonly string[]) => Promise<void>;
  /** How often; well under the time that a claim holds by itself. */
  readonly everyMs: number;
  /** Longest a claim is renewed: longer than any request can take. */
  readonly maxMs: number;
  readonly log: Logger;
}

/** The claims of this process's requests in flight: one timer renews all of them, while there are any. */
export class Leases {
  readonly #options: LeaseOptions;
  readonly #since = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  hold(claimId: string): void {
    this.#since.set(claimId, performance.now());
    this.#timer ??= setInterval(() => this.#renew(), this.#options.everyMs).unref();
  }

  drop(claimId: string): void {
    this.#since.delete(claimId);
    if (this.#since.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  close(): void {
    for (const claimId of this.#since.keys()) this.drop(claimId);
  }

  #renew(): void {
    const { renew, maxMs, log } = this.#options;
    const oldest = performance.now() - maxMs;
    // A request that has come to no end by then never will; its key must not be blocked for ever.
    for (const [claimId, since] of this.#since) if (since < oldest) this.drop(claimId);
    if (this.#since.size === 0) return;
    renew([...this.#since.keys()]).catch((error) =>
      log.warn({ err: error, claims: this.#since.size }, 'could not renew the claims of requests in flight'),
    );
  }
}
