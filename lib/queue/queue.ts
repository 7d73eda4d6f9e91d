import {
  type IQueueBackend,
  type Job,
  type JobProgress,
  type MinimalJob,
  type Queue,
  type QueueEvents,
  UnrecoverableError,
  type Worker,
} from 'bullmq';
import { attemptDelayMs } from './backoff.js';

/** What a queued job carries: nothing. Its id is the id of a row, and the row says what to do. */
export type Payload = Record<string, never>;

/** A job as it is handed to the queue. */
export interface QueuedJob {
  readonly id: string;
  /** Tells its runs apart: one that is begun anew can be added while the queue still ends the run before. */
  readonly run?: number | string;
  /** 0 goes first; within one priority, first come, first served. */
  readonly priority: number;
  /** How often it is delivered before it is given up. */
  readonly attempts: number;
  /**
   * Time before the second attempt, in ms; it doubles with each further one. An error that says when another
   * try makes sense (`retryAfter` of a Problem) has the next one wait at least as long.
   */
  readonly backoffMs: number;
  /** Time before the first, in ms. */
  readonly delayMs?: number;
}

/** Priorities of jobs that wait: that of the one that goes first, and that of the last. */
export interface PriorityRange {
  readonly first: number;
  readonly last: number;
}

/** Which run of which job. */
export type JobRun = Pick<QueuedJob, 'id' | 'run'>;

/** The producer's side of one queue. */
export interface JobQueue {
  /** Hands jobs over. An id that the queue holds already is left as it is. */
  add(jobs: readonly QueuedJob[]): Promise<void>;
  /** Whether the queue holds the job as waiting, delayed or active. */
  holds(job: JobRun): Promise<boolean>;
  /** From which priority to which jobs wait; undefined where none does but those of priority 0. */
  waitingPriorities(): Promise<PriorityRange | undefined>;
  /** Forgets a job that is not active. */
  remove(job: JobRun): Promise<void>;
  /** Lets no consumer, in any process, take jobs; those that are active end. */
  pause(): Promise<void>;
  /** Lets them again. */
  resume(): Promise<void>;
  isPaused(): Promise<boolean>;
  /** Forgets every job that is not active. */
  drain(): Promise<void>;
  /** Delivers a job of its own every `ms`, once however many processes ask for it. */
  every(ms: number, name: string): Promise<void>;
  close(): Promise<void>;
}

/** One delivery of a job. The same job can be delivered twice, even at the same moment. */
export interface Delivery {
  readonly id: string;
  /** Which attempt this is, from 1. A delivery after a crash is the same attempt again. */
  readonly attempt: number;
  /** Whether a failure now is the last one. */
  readonly isLastAttempt: boolean;
  /** Tells every listener of the queue's events that the job's row has changed. */
  announce(progress: number): Promise<void>;
}

/** Throw it in a processor to end the job without another attempt. */
export class GiveUp extends UnrecoverableError {}

/** The consumer's side of one queue. */
export interface JobConsumer {
  /** Takes no more jobs; resolves when the active ones have ended. */
  close(): Promise<void>;
}

/** How a consumer takes jobs. */
export interface ConsumerOptions {
  readonly concurrency: number;
  /** How long a job stays with a consumer that shows no sign of life, in ms. */
  readonly lockMs: number;
  /** Called when the queue itself gave a job up, because its consumers kept dying with it. */
  readonly onGivenUp: (id: string, reason: string) => void;
}

/** What happens to the jobs of one queue, in every process. */
export interface QueueListener {
  /** The job's row has changed; `ended` when the queue is done with the job. */
  readonly onChange: (id: string, ended: boolean) => void;
}

/** An open listener. */
export interface QueueSubscription {
  close(): Promise<void>;
}

/** The name of our own backoff in the options of a job. */
const BACKOFF = 'patient';
// A worker that is killed is not the job's fault: what a job may cost us in crashes is counted in its
// row (see workers/consumer.ts). This bounds only what that count cannot see.
const MAX_STALLS = 10;
// How soon a worker asks again after its backend was away; BullMQ would wait 15 s.
const RETRY_MS = 500;

// A repeated job's next run is at most one interval away.
const FAR_INTERVALS = 2;

// What follows the id in the name that the queue knows a run by.
const RUN_MARK = '.';
/** Characters of an id. A first run goes by it alone; the name of a later one is longer. */
export const ID_LENGTH = 36;

/** What the queue knows a run by. */
function keyOf({ id, run = 0 }: JobRun): string {
  return run === 0 ? id : `${id}${RUN_MARK}${run}`;
}

/** Whose run it is. */
function idOf(key: string): string {
  return key[ID_LENGTH] === RUN_MARK ? key.slice(0, ID_LENGTH) : key;
}

/**
 * Wraps BullMQ's producer; generic because its classes carry the backend in their types.
 *
 * @param waitingPriorities BullMQ tells only counts, and its PostgreSQL backend not the last in order
 */
export function jobQueue<B extends IQueueBackend, C>(
  queue: Queue<Payload, unknown, string, Payload, unknown, string, B, C>,
  waitingPriorities: JobQueue['waitingPriorities'],
): JobQueue {
  return {
    add: async (jobs) => {
      const entries = jobs.map(({ priority, attempts, backoffMs, delayMs = 0, ...job }) => ({
        name: queue.name,
        data: {},
        opts: {
          jobId: keyOf(job),
          priority,
          attempts,
          ...(delayMs > 0 && { delay: delayMs }),
          backoff: { type: BACKOFF, delay: backoffMs },
          // The row is the record. A finished job in the queue would only keep its id from being added again.
          removeOnComplete: true,
          removeOnFail: true,
        },
      }));
      const [only] = entries;
      // The statement for many costs PostgreSQL twenty times the one for a single job.
      if (only && entries.length === 1) await queue.add(only.name, only.data, only.opts);
      else await queue.addBulk(entries);
    },
    holds: async (job) => {
      const state = await queue.getJobState(keyOf(job));
      return state !== 'unknown' && state !== 'completed' && state !== 'failed';
    },
    waitingPriorities,
    remove: async (job) => {
      await queue.remove(keyOf(job));
    },
    pause: () => queue.pause(),
    resume: () => queue.resume(),
    isPaused: () => queue.isPaused(),
    drain: () => queue.drain(true),
    every: async (ms, name) => {
      // After the clock was set back its next run is as far away as the clock was moved.
      const { next = 0 } = (await queue.getJobScheduler(name)) ?? {};
      if (next > Date.now() + FAR_INTERVALS * ms) await queue.removeJobScheduler(name);
      await queue.upsertJobScheduler(
        name,
        { every: ms },
        { name, opts: { removeOnComplete: true, removeOnFail: true } },
      );
    },
    close: () => queue.close(),
  };
}

/** The options of a BullMQ worker for ours. */
export function workerOptions({ concurrency, lockMs }: ConsumerOptions) {
  return {
    concurrency,
    lockDuration: lockMs,
    stalledInterval: lockMs / 2,
    maxStalledCount: MAX_STALLS,
    drainDelay: 5,
    runRetryDelay: RETRY_MS,
    settings: {
      backoffStrategy: (attempts: number, _type?: string, error?: Error, job?: Pick<MinimalJob, 'opts'>) => {
        const { backoff } = job?.opts ?? {};
        return attemptDelayMs(typeof backoff === 'object' ? (backoff.delay ?? 0) : 0, attempts, error);
      },
    },
  };
}

/** What BullMQ calls with each job. */
export function workerProcessor(process: (delivery: Delivery) => Promise<void>) {
  return async (job: Pick<Job, 'id' | 'attemptsMade' | 'opts' | 'updateProgress'>): Promise<void> => {
    const attempt = job.attemptsMade + 1;
    await process({
      id: idOf(job.id ?? ''),
      attempt,
      isLastAttempt: attempt >= (job.opts.attempts ?? 1),
      announce: (progress) => job.updateProgress(progress),
    });
  };
}

/** Wraps BullMQ's worker. */
export function jobConsumer<B extends IQueueBackend, C>(
  worker: Worker<Payload, void, string, B, JobProgress, C>,
  { onGivenUp }: ConsumerOptions,
): JobConsumer {
  worker.on('failed', (job, error) => {
    // What the processor threw, the processor has recorded; this is BullMQ's own doing.
    const byQueue = error instanceof UnrecoverableError && !(error instanceof GiveUp);
    if (byQueue && job?.id !== undefined) onGivenUp(idOf(job.id), error.message);
  });
  return { close: () => worker.close() };
}

/** Wraps BullMQ's reader of events. */
export function queueSubscription<B extends IQueueBackend, C>(
  events: QueueEvents<unknown, B, C>,
  { onChange }: QueueListener,
): QueueSubscription {
  for (const event of ['waiting', 'active', 'progress', 'delayed'] as const)
    events.on(event, ({ jobId }: { jobId: string }) => onChange(idOf(jobId), false));
  for (const event of ['completed', 'failed', 'removed'] as const)
    events.on(event, ({ jobId }: { jobId: string }) => onChange(idOf(jobId), true));
  return { close: () => events.close() };
}
