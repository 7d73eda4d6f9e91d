import { parseHttpDate } from '../http/http-date.js';

/** Whoever asks for more is asked again all the same, in seconds: a job does not wait for a day. */
const MOST_SECONDS = 600;

/**
 * How long a host wants to be left alone, by its `Retry-After` (RFC 9110, 10.2.3).
 *
 * @param now ms since the epoch
 * @returns whole seconds, at most ten minutes; undefined where it says nothing that can be read
 */
export function retryAfterSeconds(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const at = parseHttpDate(text);
  const seconds = /^\d+$/.test(text) ? Number(text) : at === undefined ? undefined : (at - now) / 1000;
  return seconds === undefined ? undefined : Math.min(MOST_SECONDS, Math.max(0, Math.ceil(seconds)));
}
