/** How often a delivery is tried, and for how long: fifteen times, from 5 s doubling, is about a day. */
export const MAX_ATTEMPTS = 15;
export const GIVE_UP_MS = 26 * 3_600_000;

const FIRST_DELAY_MS = 5_000;
const JITTER = 0.15;

/**
 * Time from a failed attempt to the next, in ms. Jitter keeps those that failed together from coming
 * back together.
 *
 * @param attempts how many have failed, from 1
 * @param random from 0 to 1
 */
export function retryDelay(attempts: number, random = Math.random()): number {
  return Math.round(FIRST_DELAY_MS * 2 ** (attempts - 1) * (1 + JITTER * (2 * random - 1)));
}
