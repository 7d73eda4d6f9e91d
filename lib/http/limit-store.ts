/** What a limit store tells of a key: requests in this window, and ms until the next. */
export interface LimitState {
  readonly current: number;
  readonly ttl: number;
}

/** How a limit store answers: in the same turn of the event loop wherever it can. */
export type LimitCallback = (error: Error | null, state?: LimitState) => void;

/** Counts requests by key, in windows of fixed length that begin with a key's first request. */
export interface LimitStore {
  /** Counts a request; `max` tells how exact the count has to be. */
  incr(key: string, callback: LimitCallback, windowMs: number, max: number): void;
  /** Tells how a key stands, and counts nothing. */
  read(key: string, callback: LimitCallback): void;
}

// A client more costs the memory of a few short strings; past this many the longest known is forgotten.
const MAX_WINDOWS = 50_000;

/** Windows by key, as many as fit. */
export class LimitWindows<Window> {
  readonly #windows = new Map<string, Window>();

  get(key: string): Window | undefined {
    return this.#windows.get(key);
  }

  set(key: string, window: Window): void {
    // A Map keeps the order of insertion: the first window is the oldest.
    this.#windows.delete(key);
    this.#windows.set(key, window);
    const [oldest] = this.#windows.size > MAX_WINDOWS ? this.#windows.keys() : [];
    if (oldest !== undefined) this.#windows.delete(oldest);
  }
}

/** The store of a process that counts for itself. */
export class LocalLimitStore implements LimitStore {
  readonly #windows = new LimitWindows<{ count: number; readonly resetAt: number }>();

  incr(key: string, callback: LimitCallback, windowMs: number): void {
    const now = Date.now();
    let window = this.#windows.get(key);
    if (window === undefined || window.resetAt <= now) {
      window = { count: 0, resetAt: now + windowMs };
      this.#windows.set(key, window);
    }
    window.count += 1;
    callback(null, { current: window.count, ttl: window.resetAt - now });
  }

  read(key: string, callback: LimitCallback): void {
    const now = Date.now();
    const window = this.#windows.get(key);
    const live = window !== undefined && window.resetAt > now;
    callback(null, live ? { current: window.count, ttl: window.resetAt - now } : { current: 0, ttl: 0 });
  }
}
