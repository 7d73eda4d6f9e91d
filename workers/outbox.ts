import type { Database } from '../lib/database/client.js';
import type { Dispatcher } from '../lib/jobs/dispatcher.js';
import type { Logger } from '../lib/logger.js';
import { emptyOutbox } from '../lib/notifications/outbox.js';

/** What the outbox is emptied with. */
export interface OutboxDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
  readonly log: Logger;
}

/** The loop that empties the outbox. */
export interface OutboxLoop {
  /** Ends it; resolves when what it has in hand is recorded. */
  close(): Promise<void>;
}

const BATCH = 100;
const BUSY_MS = 100;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 1_000;
const LONGER = 1.25;

/**
 * Turns what has happened into deliveries, again and again, in every worker: each takes other rows of the
 * outbox, so that however many there are each event is told once.
 */
export function startOutbox({ database, dispatcher, log }: OutboxDeps): OutboxLoop {
  let closing = false;
  let waitMs = FIRST_WAIT_MS;
  let timer: NodeJS.Timeout | undefined;
  let round = Promise.resolve();

  async function empty(): Promise<void> {
    try {
      const { taken, jobs } = await database.transaction('outbox.empty', (sql) => emptyOutbox(sql, BATCH));
      await dispatcher.dispatch(...jobs);
      waitMs = taken > 0 ? BUSY_MS : Math.min(MAX_WAIT_MS, Math.max(FIRST_WAIT_MS, waitMs * LONGER));
    } catch (error) {
      waitMs = MAX_WAIT_MS;
      log.warn({ err: error }, 'the outbox could not be emptied');
    }
    if (!closing) next();
  }

  function next(): void {
    timer = setTimeout(() => {
      round = empty();
    }, waitMs);
  }

  next();
  return {
    close: () => {
      closing = true;
      clearTimeout(timer);
      return round;
    },
  };
}
