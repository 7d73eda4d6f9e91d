import { Problem } from '../errors.js';

/** How much of it is left to chance, so that those that failed together do not come back together. */
const JITTER = 0.5;

/**
 * Time from a failed attempt to the next, in ms: it doubles with each, and is never less than what the error
 * says (`retryAfter` of a Problem).
 *
 * @param firstMs before the second attempt
 * @param attempts how many have failed, from 1
 * @param random from 0 to 1
 */
export function attemptDelayMs(
  firstMs: number,
  attempts: number,
  error: unknown,
  random = Math.random(),
): number {
  const ms = firstMs * 2 ** (attempts - 1) * (1 - JITTER * random);
  const askedMs = error instanceof Problem ? (error.retryAfter ?? 0) * 1000 : 0;
  return Math.round(Math.max(ms, askedMs));
}
