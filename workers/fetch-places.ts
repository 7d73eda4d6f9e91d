/** How soon a place is hoped for while places come free, in ms. */
const PATIENCE_MS = 1_000;
const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
/** Those that are sent away come back one after the other, so many ms apart. */
const TURN_MS = 200;

/**
 * The places of a worker for jobs that fetch their image first. There are fewer than the worker takes jobs: hosts
 * that are slow hold up one another, and nobody's uploads. While places come free a job waits for one; when
 * none has for a while, it is told to come back.
 */
export class FetchPlaces {
  #free: number;
  #movedAt = performance.now();
  #nextTurn = 0;
  readonly #waiting = new Set<(hasPlace: boolean) => void>();
  readonly #patienceMs: number;

  /**
   * @param places how many fetch at a time
   * @param patienceMs how long places may be taken before others no longer wait
   */
  constructor(places: number, patienceMs = PATIENCE_MS) {
    this.#free = places;
    this.#patienceMs = patienceMs;
  }

  /**
   * Takes a place.
   *
   * @returns 0: it is taken, until {@link leave}; else the ms to wait before asking again
   */
  async enter(): Promise<number> {
    if (this.#free > 0) {
      this.#free -= 1;
      this.#movedAt = performance.now();
      return 0;
    }
    const left = this.#movedAt + this.#patienceMs - performance.now();
    return left > 0 && (await this.#wait(left)) ? 0 : this.#turn();
  }

  /** Gives a place back. */
  leave(): void {
    this.#movedAt = performance.now();
    const [next] = this.#waiting;
    if (next) next(true);
    else this.#free += 1;
  }

  #wait(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (hasPlace: boolean): void => {
        clearTimeout(late);
        this.#waiting.delete(settle);
        resolve(hasPlace);
      };
      const late = setTimeout(() => settle(false), ms);
      this.#waiting.add(settle);
    });
  }

  #turn(): number {
    const now = performance.now();
    this.#nextTurn = Math.min(now + MAX_WAIT_MS, Math.max(now + MIN_WAIT_MS, this.#nextTurn + TURN_MS));
    return Math.round(this.#nextTurn - now);
  }
}
