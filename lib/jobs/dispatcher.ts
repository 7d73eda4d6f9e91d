import type { Database } from '../database/client.js';
import { within } from '../deadline.js';
import { Problem } from '../errors.js';
import type { Logger } from '../logger.js';
import type { JobQueue, PriorityRange, QueuedJob } from '../queue/queue.js';
import { FairPlaces } from './fair-places.js';
import type { JobRow, JobType } from './job.js';
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

/** What the queue has to know of a job. */
export type Dispatched = Pick<
  JobRow,
  'id' | 'tenantId' | 'type' | 'priority' | 'attemptsMax' | 'run' | 'runAt'
>;

/** Milliseconds before the second attempt: a receiver that is down stays so for longer than a database. */
const BACKOFF_MS: Readonly<Record<JobType, number>> = {
  resize: 1_000,
  export: 1_000,
  batch: 1_000,
  import: 1_000,
  notify: 5_000,
};
// Counting takes as long as the backlog is: no more than a part of the time goes into it.
const COUNT_FRESH_MS = 1_000;
const COUNT_AT_MOST = 0.01;
// How long past that a count still tells about where a job's place is.
const COUNT_ROUGH_MS = 10_000;
const NEVER = Number.NEGATIVE_INFINITY;
const NUDGE_EVERY_MS = 500;
// What goes wrong within this time is caught by the maintenance job.
const ANSWER_FRESH_MS = 250;
const RETRY_AFTER_SECONDS = 5;
// The job is recorded: its client need not wait for a queue that does not answer.
const ADD_TIMEOUT_MS = 1_500;
/** Many at once take longer, and nobody waits. */
const ADD_MANY_TIMEOUT_MS = 30_000;

/** How many jobs wait. */
interface Backlog {
  counted: number;
  /** Those that were asked for one by one: no members of a batch or import. */
  single: number;
  added: number;
  readonly freshUntil: number;
}

/**
 * Hands recorded jobs to the queue, and refuses new ones at the door while it cannot take them.
 * Their places there are fair between tenants: see {@link FairPlaces}.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  #answersUntil = 0;
  /** When jobs were nudged, of the last moment. */
  readonly #nudged = new Map<string, number>();
  readonly #places = new FairPlaces();
  #backlog: Backlog = { counted: 0, single: 0, added: 0, freshUntil: NEVER };
  #counting: Promise<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /**
   * Call it before anything of a request with new jobs is stored. Members of batches and imports that wait
   * keep out further batches and imports, and nobody who asks for a single job: fair places see to those.
   *
   * @param many whether it is a batch or import that asks
   * @throws Problem QUEUE_UNAVAILABLE or BACKLOG_FULL (503)
   */
  async assertRoom({ many = false } = {}): Promise<void> {
    await this.#assertAnswers();
    const { maxQueuedJobs } = this.#options;
    await this.#countIfStale();
    // The estimate only grows between counts, so a full one is counted again before it turns work away.
    if (this.#backlog.counted + this.#backlog.added >= maxQueuedJobs) await this.#count();
    const waiting = many ? this.#backlog.counted : this.#backlog.single;
    if (waiting >= maxQueuedJobs) {
      const detail = `${waiting} jobs wait already, and at most ${maxQueuedJobs} may. Nothing was stored; try again later.`;
      throw new Problem('BACKLOG_FULL', detail, { retryAfter: RETRY_AFTER_SECONDS });
    }
  }

  /**
   * Whether bulk work that can wait should: half of the backlog that there may be waits already. The other
   * half is for those who cannot.
   */
  async isBusy(): Promise<boolean> {
    const most = this.#options.maxQueuedJobs / 2;
    await this.#countIfStale();
    if (this.#backlog.counted + this.#backlog.added >= most) await this.#count();
    return this.#backlog.counted >= most;
  }

  /**
   * Hands over jobs of one type whose rows are committed. It does not fail: what the queue does not take
   * stays recorded as queued, and the maintenance job hands it over later.
   */
  async dispatch(...jobs: readonly Dispatched[]): Promise<void> {
    const { queues, database, log } = this.#options;
    const [first] = jobs;
    if (!first) return;
    // One comes from a request, which has asked for room; many come from a batch, whose place they share.
    if (jobs.length > 1) await this.#knowRoughly();
    const entries = jobs.map((job) => this.queued(job));
    const ids = jobs.map(({ id }) => id);
    try {
      await within(queues[first.type].add(entries), jobs.length > 1 ? ADD_MANY_TIMEOUT_MS : ADD_TIMEOUT_MS);
    } catch (error) {
      this.#answersUntil = 0;
      const [job] = ids;
      log.warn(
        { err: error, job, jobs: ids.length },
        'the queue did not take a job; maintenance will hand it over',
      );
      await database
        .query('jobs.markNotEnqueued', (sql) => markNotEnqueued(sql, ids))
        .catch((cause) => log.warn({ err: cause, job }, 'could not mark a job for maintenance'));
    }
  }

  /**
   * Has a job that waits for others looked at, whether the queue still holds a delivery of it or not.
   * Where the queue does not take it, maintenance will.
   */
  async wake(job: Dispatched): Promise<void> {
    const { queues, log } = this.#options;
    // At once, also before its time: there is something to see to.
    const { delayMs: _, ...queued } = this.queued(job);
    const entry = { ...queued, run: `wake-${process.hrtime.bigint().toString(36)}` };
    await within(queues[job.type].add([entry]), ADD_TIMEOUT_MS).catch((error) =>
      log.warn({ err: error, job: job.id }, 'a job that waits for others was not woken; maintenance will'),
    );
  }

  /** The same for what only moves it on a little: at most twice a second a job. */
  async nudge(job: Dispatched): Promise<void> {
    const now = performance.now();
    if (now - (this.#nudged.get(job.id) ?? Number.NEGATIVE_INFINITY) < NUDGE_EVERY_MS) return;
    for (const [id, at] of this.#nudged) if (now - at >= NUDGE_EVERY_MS) this.#nudged.delete(id);
    this.#nudged.set(job.id, now);
    await this.wake(job);
  }

  /** Has a job looked at after `ms`, once however often that is asked for meanwhile. */
  async wakeLater(job: Dispatched, ms: number): Promise<void> {
    const { queues, log } = this.#options;
    const entry = { ...this.queued(job), run: `later-${Math.ceil(Date.now() / ms)}`, delayMs: ms };
    await within(queues[job.type].add([entry]), ADD_TIMEOUT_MS).catch((error) =>
      log.warn({ err: error, job: job.id }, 'a job that waits for room was not woken; maintenance will'),
    );
  }

  /** Takes a job that was cancelled out of the queue; a delivery of it that stays finds the job ended. */
  async forget(job: Dispatched): Promise<void> {
    const { queues, log } = this.#options;
    await within(queues[job.type].remove(job), ADD_TIMEOUT_MS).catch((error) =>
      log.debug({ err: error, job: job.id }, 'a cancelled job stays in the queue until it is delivered'),
    );
  }

  /** A job's row as the queue takes it. */
  queued(job: Dispatched): QueuedJob {
    this.#backlog.added += 1;
    const delayMs = job.runAt ? Math.max(0, job.runAt.getTime() - Date.now()) : 0;
    return {
      id: job.id,
      run: job.run,
      priority: this.#places.take(job),
      attempts: job.attemptsMax,
      backoffMs: BACKOFF_MS[job.type],
      ...(delayMs > 0 && { delayMs }),
    };
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

  async #countIfStale(): Promise<void> {
    if (performance.now() > this.#backlog.freshUntil) await this.#count();
  }

  /** For places in the queue what was counted a moment ago will do, while it is counted again. */
  async #knowRoughly(): Promise<void> {
    const counting = this.#countIfStale().catch(() => undefined);
    if (performance.now() > this.#backlog.freshUntil + COUNT_ROUGH_MS) await counting;
  }

  /** Whoever asks while it is counted shares the count. */
  #count(): Promise<void> {
    this.#counting ??= this.#readBacklog().finally(() => {
      this.#counting = undefined;
    });
    return this.#counting;
  }

  async #readBacklog(): Promise<void> {
    const started = performance.now();
    const counts = await this.#options.database.query('jobs.countQueued', countQueued);
    this.#places.look(counts, await this.#ranges(new Set(counts.map(({ type }) => type))));
    const ended = performance.now();
    const counted = counts.reduce((sum, { count }) => sum + count, 0);
    const single = counted - counts.reduce((sum, { members }) => sum + members, 0);
    const freshUntil = ended + Math.max(COUNT_FRESH_MS, (ended - started) / COUNT_AT_MOST);
    this.#backlog = { counted, single, added: 0, freshUntil };
  }

  /** Where the queues of these types stand, as far as they answer: without them places are those of a moment ago. */
  async #ranges(types: ReadonlySet<JobType>): Promise<Map<JobType, PriorityRange | undefined>> {
    const { queues, log } = this.#options;
    const ranges = new Map<JobType, PriorityRange | undefined>();
    const ask = async (type: JobType): Promise<void> => {
      ranges.set(type, await within(queues[type].waitingPriorities(), ADD_TIMEOUT_MS));
    };
    const unanswered = (error: unknown): void =>
      log.debug({ err: error }, 'what waits in the queue is not known');
    await Promise.all([...types].map((type) => ask(type).catch(unanswered)));
    return ranges;
  }
}

/** One queue for each type of job, opened by `open`. */
export function queuesByType(open: (type: JobType) => JobQueue): Readonly<Record<JobType, JobQueue>> {
  return {
    resize: open('resize'),
    export: open('export'),
    batch: open('batch'),
    import: open('import'),
    notify: open('notify'),
  };
}
