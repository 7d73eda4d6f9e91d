import { type LimitCallback, type LimitStore, LimitWindows } from './limit-store.js';

/** What is needed of a Redis client. */
interface ScriptRunner {
  eval(script: string, keys: number, ...values: (string | number)[]): Promise<unknown>;
}

interface Window {
  /** Requests that Redis knows of, from all processes. */
  total: number;
  /** Requests of this process that Redis does not know of yet. */
  pending: number;
  resetAt: number;
  flushing: Promise<void> | undefined;
}

// Adds what is pending, starts the window with the first, and tells how both stand.
const ADD = `
local total = redis.call('incrby', KEYS[1], ARGV[1])
local ttl = redis.call('pttl', KEYS[1])
if ttl < 0 then
  redis.call('pexpire', KEYS[1], ARGV[2])
  ttl = tonumber(ARGV[2])
end
return {total, ttl}`;

const FLUSH_MS = 100;
// What other processes may have counted meanwhile: nearer to the limit than this, Redis is asked.
const SLACK = 100;

/**
 * Counts in Redis for all processes together, without a round trip a request: while a client is far from
 * its limit (less than half used, over 100 left), its requests are counted here and added up in Redis ten
 * times a second. From then on each asks Redis, so that the limit itself is exact.
 */
export class SharedLimitStore implements LimitStore {
  readonly #redis: ScriptRunner;
  readonly #prefix: string;
  readonly #windows = new LimitWindows<Window>();

  constructor(redis: ScriptRunner, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  incr(key: string, callback: LimitCallback, windowMs: number, max: number): void {
    const now = Date.now();
    const window = this.#windowOf(key, now);
    window.pending += 1;
    const counted = window.total + window.pending;
    if (window.resetAt > now && counted < max / 2 && max - counted > SLACK) {
      window.flushing ??= this.#flushLater(key, window, windowMs);
      callback(null, { current: counted, ttl: window.resetAt - now });
      return;
    }
    this.#flush(key, window, windowMs).then(
      () => callback(null, { current: window.total, ttl: Math.max(0, window.resetAt - Date.now()) }),
      (error: Error) => callback(error),
    );
  }

  read(key: string, callback: LimitCallback): void {
    const { total, pending, resetAt } = this.#windowOf(key, Date.now());
    callback(null, { current: total + pending, ttl: Math.max(0, resetAt - Date.now()) });
  }

  #windowOf(key: string, now: number): Window {
    const present = this.#windows.get(key);
    if (present && (present.resetAt > now || present.pending > 0)) return present;
    const window = { total: 0, pending: 0, resetAt: 0, flushing: undefined };
    this.#windows.set(key, window);
    return window;
  }

  #flushLater(key: string, window: Window, windowMs: number): Promise<void> {
    return (
      new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref())
        .then(() => this.#flush(key, window, windowMs))
        // Redis is away: what it did not take stays pending for the next flush.
        .catch(() => undefined)
        .finally(() => {
          window.flushing = undefined;
        })
    );
  }

  async #flush(key: string, window: Window, windowMs: number): Promise<void> {
    const adding = window.pending;
    if (window.resetAt <= Date.now()) window.total = 0;
    window.pending = 0;
    try {
      const answer = await this.#redis.eval(ADD, 1, this.#prefix + key, adding, windowMs);
      const [total = 0, ttl = windowMs] = Array.isArray(answer) ? answer.map(Number) : [];
      // Answers may overtake each other; the count only grows within a window.
      window.total = Math.max(window.total, total);
      window.resetAt = Date.now() + ttl;
    } catch (error) {
      window.pending += adding;
      throw error;
    }
  }
}
