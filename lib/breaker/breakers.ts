import { Breaker, type BreakerOptions, type BreakerState } from './breaker.js';

/** What can be down: the mail server, a host that webhooks go to, a remote store. */
export type Dependency = 'smtp' | 'webhook' | 'store' | 'source';

/** How many breakers of a dependency are in a state. */
export interface BreakerCount {
  readonly dependency: Dependency;
  readonly state: BreakerState;
  readonly count: number;
}

const DEFAULTS: BreakerOptions = { failures: 5, openMs: 30_000, maxOpenMs: 600_000, now: Date.now };
// Hosts that failed once and were never asked again; the oldest is forgotten.
const MAX_REMEMBERED = 10_000;

/** The breakers of a process: one for each dependency and, where there are many, each of its hosts. */
export class Breakers {
  readonly #options: BreakerOptions;
  readonly #byDependency = new Map<Dependency, Map<string, Breaker>>();

  constructor(options: Partial<BreakerOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Asks to call a dependency; see {@link Breaker.enter}.
   *
   * @param host which one of it
   */
  enter(dependency: Dependency, host = ''): number {
    return this.#of(dependency).get(host)?.enter() ?? 0;
  }

  /**
   * Says how a call went that was let through.
   *
   * @param outcome `withdrawn`: it told nothing of the dependency
   */
  leave(outcome: 'up' | 'down' | 'withdrawn', dependency: Dependency, host = ''): void {
    const breakers = this.#of(dependency);
    const known = breakers.get(host);
    if (outcome === 'down') {
      const breaker = known ?? new Breaker(this.#options);
      breaker.fail();
      this.#remember(breakers, host, breaker);
    } else if (outcome === 'withdrawn') known?.withdraw();
    else breakers.delete(host);
  }

  /** How many there are in each state, for the metrics; of those that are well nothing is remembered. */
  counts(): BreakerCount[] {
    const states: readonly BreakerState[] = ['closed', 'open', 'half-open'];
    return [...this.#byDependency].flatMap(([dependency, breakers]) =>
      states.map((state) => ({
        dependency,
        state,
        count: [...breakers.values()].filter((breaker) => breaker.state === state).length,
      })),
    );
  }

  #remember(breakers: Map<string, Breaker>, host: string, breaker: Breaker): void {
    breakers.delete(host);
    breakers.set(host, breaker);
    const [oldest] = breakers.keys();
    if (breakers.size > MAX_REMEMBERED && oldest !== undefined) breakers.delete(oldest);
  }

  #of(dependency: Dependency): Map<string, Breaker> {
    const breakers = this.#byDependency.get(dependency) ?? new Map<string, Breaker>();
    this.#byDependency.set(dependency, breakers);
    return breakers;
  }
}
