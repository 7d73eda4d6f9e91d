import type { Database } from '../lib/database/client.js';
import { Cancelled } from '../lib/jobs/cancelled.js';
import { cancelledAmong } from '../lib/jobs/repository.js';
import type { Logger } from '../lib/logger.js';

// A cancelled job stops within two seconds, wherever it runs: this, the look itself and the stop.
const LOOK_EVERY_MS = 500;

/**
 * The signals of the jobs that this process has in hand. It asks the record whether one of them is to
 * be cancelled: that works for every process and backend, and one look serves all jobs in hand.
 */
export class Cancellations {
  readonly #database: Database;
  readonly #log: Logger;
  readonly #inHand = new Map<string, Set<AbortController>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, log: Logger) {
    this.#database = database;
    this.#log = log;
  }

  /** Runs a task under a signal that aborts, with {@link Cancelled}, when its job is cancelled. */
  async during<T>(id: string, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    // Two deliveries of one job have a signal each.
    const controllers = this.#inHand.get(id) ?? new Set();
    this.#inHand.set(id, controllers.add(controller));
    // A look alone keeps no process alive.
    this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS).unref();
    try {
      return await task(controller.signal);
    } finally {
      controllers.delete(controller);
      if (controllers.size === 0) this.#inHand.delete(id);
      if (this.#inHand.size === 0) this.close();
    }
  }

  /** Stops looking. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const ids = [...this.#inHand.keys()];
    const cancelled = await this.#database
      .query('jobs.cancelledAmong', (sql) => cancelledAmong(sql, ids))
      .catch((error) => {
        this.#log.warn({ err: error }, 'could not look for cancelled jobs');
        return [];
      });
    for (const id of cancelled)
      for (const controller of this.#inHand.get(id) ?? []) controller.abort(new Cancelled());
  }
}
