/** How many may be under way at a time. */
export interface LaneLimits {
  /** To one host. */
  readonly perHost: number;
  /** Of one tenant, who may name as many hosts as it likes. */
  readonly perTenant: number;
}

interface Lane {
  active: number;
  /** When the last one that was put off has its turn. */
  takenUntil: number;
  /** How long one takes, in ms: a moving average. */
  averageMs: number;
}

const FIRST_GUESS_MS = 500;
/** Weight of the newest measurement. */
const SMOOTHING = 0.3;
const MIN_WAIT_MS = 200;
const MAX_WAIT_MS = 30_000;
const MAX_REMEMBERED = 10_000;

/**
 * Keeps deliveries to one host, and those of one tenant, from taking every place: what finds its lane full
 * is told when to come back, and leaves its place to others. Each gets a turn of its own, so that a
 * thousand that wait for a slow host do not all come back at once.
 */
export class Lanes {
  readonly #limits: LaneLimits;
  readonly #now: () => number;
  readonly #hosts = new Map<string, Lane>();
  readonly #tenants = new Map<string, Lane>();

  constructor(limits: LaneLimits, now: () => number = Date.now) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Asks for a place. @returns 0: it is taken, until {@link leave}; else the ms to wait before asking again */
  enter(host: string, tenant: string): number {
    const [ofHost, ofTenant] = [laneOf(this.#hosts, host), laneOf(this.#tenants, tenant)];
    const { perHost, perTenant } = this.#limits;
    if (ofHost.active >= perHost) return this.#turn(ofHost, perHost);
    if (ofTenant.active >= perTenant) return this.#turn(ofTenant, perTenant);
    ofHost.active += 1;
    ofTenant.active += 1;
    return 0;
  }

  /** Gives a place back. @param ms how long it was taken; undefined: nothing was sent */
  leave(host: string, tenant: string, ms?: number): void {
    for (const lane of [laneOf(this.#hosts, host), laneOf(this.#tenants, tenant)]) {
      lane.active -= 1;
      if (ms !== undefined) lane.averageMs += SMOOTHING * (ms - lane.averageMs);
    }
  }

  #turn(lane: Lane, limit: number): number {
    const now = this.#now();
    lane.takenUntil = Math.min(now + MAX_WAIT_MS, Math.max(now, lane.takenUntil) + lane.averageMs / limit);
    return Math.round(Math.max(MIN_WAIT_MS, lane.takenUntil - now));
  }
}

function laneOf(lanes: Map<string, Lane>, key: string): Lane {
  const lane = lanes.get(key) ?? { active: 0, takenUntil: 0, averageMs: FIRST_GUESS_MS };
  lanes.delete(key);
  lanes.set(key, lane);
  if (lanes.size > MAX_REMEMBERED) forgetOldestIdle(lanes);
  return lane;
}

function forgetOldestIdle(lanes: Map<string, Lane>): void {
  for (const [key, { active }] of lanes) {
    if (active > 0) continue;
    lanes.delete(key);
    return;
  }
}
