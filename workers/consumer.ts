import type { Database } from '../lib/database/client.js';
import { Problem, type ProblemJson } from '../lib/errors.js';
import type { JobRow, JobRowOf, JobType } from '../lib/jobs/job.js';
import { advanceJob, failJob, holdJob, requeueJob, startJob } from '../lib/jobs/repository.js';
import type { Logger } from '../lib/logger.js';
import { type Delivery, GiveUp } from '../lib/queue/queue.js';
import type { Isolation } from './isolation.js';
import type { Processor } from './processors/processor.js';

/** How a delivery ended, for the metrics. */
export interface JobOutcome {
  readonly type: string;
  readonly outcome: 'completed' | 'failed' | 'retried';
  readonly waitSeconds: number;
  readonly runSeconds: number;
}

/** What a consumer works with. */
export interface ConsumerDeps<Type extends JobType> {
  readonly database: Database;
  readonly processor: Processor<Type>;
  /** Of the whole process: a suspect of one type runs beside no job of another either. */
  readonly isolation: Isolation;
  readonly workerId: string;
  readonly log: Logger;
  readonly onOutcome: (outcome: JobOutcome) => void;
}

// Once may be bad luck beside another job; twice, the second time alone, is the job.
const MAX_CRASHES = 2;

/**
 * Makes the function that takes deliveries of one job type: it marks the job active, has the
 * processor do the work, and writes the outcome. The row is the record of all of it; the queue only
 * brings the job and brings it again.
 */
export function consume<Type extends JobType>(
  deps: ConsumerDeps<Type>,
): (delivery: Delivery) => Promise<void> {
  const { database, processor, isolation } = deps;
  return async (delivery) => {
    // Only once it may run is a job marked as in this worker's hands: one that waits while a suspect runs
    // alone has no part in that one's crash.
    const suspect = await isolation.run(false, async () => {
      const job = await start(delivery);
      if (job && job.crashes > 0 && job.crashes < MAX_CRASHES) return job;
      if (job) await attempt(job, delivery);
      return undefined;
    });
    if (!suspect) return;
    await isolation.run(true, async () => {
      await database.query('jobs.hold', (sql) => holdJob(sql, suspect.id, deps.workerId));
      await attempt(suspect, delivery);
    });
  };

  /** Marks the job active. Undefined: it has ended, or was removed; a second delivery finds the work done. */
  async function start(delivery: Delivery): Promise<JobRowOf<Type> | undefined> {
    const job = await database.query('jobs.start', (sql) =>
      startJob(sql, delivery.id, delivery.attempt, deps.workerId),
    );
    if (job && !isOf(job, processor.type))
      throw new GiveUp(`a job of type ${job.type} came by the queue of ${processor.type}`);
    return job;
  }

  /** Has the processor do the work, and records how that went. */
  async function attempt(job: JobRowOf<Type>, delivery: Delivery): Promise<void> {
    const report = reporter(deps, job, delivery);
    try {
      if (job.crashes >= MAX_CRASHES) throw crashed(job);
      await processor.run(job, { progress: (percent) => progress(delivery, percent) });
      report('completed');
    } catch (error) {
      const final = isFinal(error) || delivery.isLastAttempt;
      const problem = toProblem(error);
      // Logged even where it cannot be recorded: then the queue brings the job again.
      await database
        .query('jobs.settle', (sql) => (final ? failJob : requeueJob)(sql, job.id, problem))
        .finally(() => report(final ? 'failed' : 'retried', error));
      throw final ? new GiveUp(problem.code) : error;
    }
  }

  async function progress(delivery: Delivery, percent: number): Promise<void> {
    const moved = await database.query('jobs.advance', (sql) => advanceJob(sql, delivery.id, percent));
    if (moved) await delivery.announce(percent);
  }
}

/** Tells the metrics and the log how an attempt that begins now went. */
function reporter(
  { log, onOutcome }: Pick<ConsumerDeps<JobType>, 'log' | 'onOutcome'>,
  job: JobRow,
  delivery: Delivery,
): (outcome: JobOutcome['outcome'], error?: unknown) => void {
  const started = performance.now();
  return (outcome, error) => {
    const runSeconds = (performance.now() - started) / 1000;
    const waitSeconds = Math.max(0, ((job.startedAt?.getTime() ?? 0) - job.createdAt.getTime()) / 1000);
    onOutcome({ type: job.type, outcome, waitSeconds, runSeconds });
    const line = {
      job: job.id,
      request: job.requestId,
      type: job.type,
      attempt: delivery.attempt,
      outcome,
      ms: Math.round(runSeconds * 1000),
      ...(error !== undefined && (error instanceof Problem ? { code: error.code } : { err: error })),
    };
    log[outcome === 'completed' ? 'info' : 'warn'](line, `job ${outcome}`);
  };
}

/** What the queue gave up, because its consumers kept dying with it, ends in the record too. */
export function giveUp(
  { database, log }: Pick<ConsumerDeps<JobType>, 'database' | 'log'>,
  id: string,
  reason: string,
): void {
  const problem = new Problem(
    'DECODER_CRASHED',
    'The job was given up: the workers that had it did not survive.',
  );
  database
    .query('jobs.giveUp', (sql) => failJob(sql, id, problem.toJSON()))
    .then((failed) => failed && log.error({ job: id, reason }, 'job given up'))
    .catch((error) => log.error({ err: error, job: id }, 'could not record a job as given up'));
}

function isOf<Type extends JobType>(job: JobRow, type: Type): job is JobRowOf<Type> {
  return job.type === type;
}

function crashed(job: JobRow): Problem {
  return new Problem(
    'DECODER_CRASHED',
    `The worker process died ${job.crashes} times with this job in hand.`,
  );
}

/** What another attempt cannot mend: the image's or the request's own fault. */
function isFinal(error: unknown): boolean {
  return error instanceof Problem && (error.status < 500 || error.code === 'DECODER_CRASHED');
}

/** An error as the job shows it: never a stack, a path or a query. */
function toProblem(error: unknown): ProblemJson {
  const problem =
    error instanceof Problem
      ? error
      : new Problem('INTERNAL', 'The job failed by a fault of the service; the log has more.');
  return problem.toJSON();
}
