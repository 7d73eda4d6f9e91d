import type { Database } from '../database/client.js';
import { within } from '../deadline.js';
import { Problem } from '../errors.js';
import type { Logger } from '../logger.js';
import type { JobQueue } from '../queue/queue.js';
import type { JobRow, JobType, Priority } from './job.js';
import { countQueued, markNotEnqueued } from './repository.js';

/** What a dispatcher hands jobs to. */
export interface DispatcherOptions {
  readonly database: Database;
  readonly queues: Readonly<Record<JobType, JobQueue>>;
  /** Rejects when the queue does not answer. */
  readonly ping: () => Promise<void>;
  /** Backlog at which new work is refused. */
  readonly maxQueuedJobs: number;
  readonly log: Logger;
}

/** BullMQ's numbers: 0 goes first. */
const QUEUE_PRIORITY: Readonly<Record<Priority, number>> = { high: 0, normal: 10, low: 20 };
const COUNT_FRESH_MS = 1_000;
// What goes wrong within this time is caught by the maintenance job.
const ANSWER_FRESH_MS = 250;
const RETRY_AFTER_SECONDS = 5;
// The job is recorded: its client need not wait for a queue that does not answer.
const ADD_TIMEOUT_MS = 1_500;

/** Hands recorded jobs to the queue, and refuses new ones at the door while it cannot take them. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #answersUntil = 0;
  #backlog = { counted: 0, added: 0, at: Number.NEGATIVE_INFINITY };

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /**
   * Call it before anything of a request with new jobs is stored.
   *
   * @throws Problem QUEUE_UNAVAILABLE or BACKLOG_FULL (503)
   */
  async assertRoom(): Promise<void> {
    await this.#assertAnswers();
    const { maxQueuedJobs } = this.#options;
    if (performance.now() - this.#backlog.at > COUNT_FRESH_MS) await this.#count();
    // The estimate only grows between counts, so a full one is counted again before it turns work away.
    if (this.#backlog.counted + this.#backlog.added >= maxQueuedJobs) await this.#count();
    if (this.#backlog.counted >= maxQueuedJobs) {
      const detail = `${this.#backlog.counted} jobs wait already, and at most ${maxQueuedJobs} may. Nothing was stored; try again later.`;
      throw new Problem('BACKLOG_FULL', detail, { retryAfter: RETRY_AFTER_SECONDS });
    }
  }

  /**
   * Hands over a job whose row is committed. It does not fail: what the queue does not take stays
   * recorded as queued, and the maintenance job hands it over later.
   */
  async dispatch(job: Pick<JobRow, 'id' | 'type' | 'priority' | 'attemptsMax'>): Promise<void> {
    const { queues, database, log } = this.#options;
    this.#backlog.added += 1;
    try {
      await within(queues[job.type].add([toQueue(job)]), ADD_TIMEOUT_MS);
    } catch (error) {
      this.#answersUntil = 0;
      log.warn({ err: error, job: job.id }, 'the queue did not take a job; maintenance will hand it over');
      await database
        .query('jobs.markNotEnqueued', (sql) => markNotEnqueued(sql, [job.id]))
        .catch((cause) => log.warn({ err: cause, job: job.id }, 'could not mark a job for maintenance'));
    }
  }

  /** Asks the queue, unless it has answered a moment ago. */
  async #assertAnswers(): Promise<void> {
    if (performance.now() < this.#answersUntil) return;
    try {
      await this.#options.ping();
    } catch (cause) {
      throw new Problem('QUEUE_UNAVAILABLE', 'The queue does not answer. Nothing was stored; try again.', {
        retryAfter: RETRY_AFTER_SECONDS,
        cause,
      });
    }
    this.#answersUntil = performance.now() + ANSWER_FRESH_MS;
  }

  async #count(): Promise<void> {
    const counted = await this.#options.database.query('jobs.countQueued', countQueued);
    this.#backlog = { counted, added: 0, at: performance.now() };
  }
}

/** A job's row as the queue takes it. */
export function toQueue(job: Pick<JobRow, 'id' | 'priority' | 'attemptsMax'>): {
  id: string;
  priority: number;
  attempts: number;
} {
  return { id: job.id, priority: QUEUE_PRIORITY[job.priority], attempts: job.attemptsMax };
}
