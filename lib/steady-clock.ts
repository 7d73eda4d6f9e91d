/**
 * The time of day for judging how old a file is, in ms since 1970: never later than this process's own
 * measure of it. A clock that is set forward would make every file that is being written look abandoned.
 */
export function cautiousNow(): number {
  return Math.min(Date.now(), performance.timeOrigin + performance.now());
}
