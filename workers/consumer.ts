import type { Database } from '../lib/database/client.js';
import { Problem, type ProblemJson } from '../lib/errors.js';
import { endCancelled } from '../lib/jobs/cancel.js';
import { Cancelled } from '../lib/jobs/cancelled.js';
import type { Dispatcher } from '../lib/jobs/dispatcher.js';
import type { JobRow, JobRowOf, JobType } from '../lib/jobs/job.js';
import { tellParent } from '../lib/jobs/parents.js';
import type { JobRecorder } from '../lib/jobs/recorder.js';
import { advanceJob, failJob, holdJob, requeueJob } from '../lib/jobs/repository.js';
import type { Logger } from '../lib/logger.js';
import { type Delivery, GiveUp } from '../lib/queue/queue.js';
import { inSpanOf, type SpanFacts, SpanKind } from '../lib/telemetry/tracing.js';
import type { Cancellations } from './cancellations.js';
import type { Isolation } from './isolation.js';
import type { Processor } from './processors/processor.js';

/** How a delivery ended, for the metrics. */
export interface JobOutcome {
  readonly type: string;
  /** `waiting`: it waits for other jobs, and comes again when they have ended. */
  readonly outcome: 'completed' | 'failed' | 'cancelled' | 'retried' | 'waiting';
  readonly waitSeconds: number;
  readonly runSeconds: number;
}

/** What a consumer works with. */
export interface ConsumerDeps<Type extends JobType> {
  readonly database: Database;
  readonly processor: Processor<Type>;
  /** Of the whole process: a suspect of one type runs beside no job of another either. */
  readonly isolation: Isolation;
  readonly cancellations: Cancellations;
  readonly dispatcher: Dispatcher;
  readonly recorder: JobRecorder;
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
    const job = await deps.recorder.start(delivery);
    if (job && !isOf(job, processor.type))
      throw new GiveUp(`a job of type ${job.type} came by the queue of ${processor.type}`);
    return job;
  }

  /** One attempt, as a part of the trace of the request that asked for the job. */
  async function attempt(job: JobRowOf<Type>, delivery: Delivery): Promise<void> {
    await inSpanOf(
      job.traceparent,
      () => spanOf(job, delivery),
      () => carryOut(job, delivery),
    );
  }

  /** Has the processor do the work, and records how that went. */
  async function carryOut(job: JobRowOf<Type>, delivery: Delivery): Promise<void> {
    const report = reporter(deps, job, delivery);
    try {
      if (job.crashes >= MAX_CRASHES) throw crashed(job);
      if (job.cancelRequestedAt) throw new Cancelled();
      const waits = await deps.cancellations.during(job.id, (signal) => work(job, delivery, signal));
      report(waits ? 'waiting' : 'completed');
      if (waits) return;
    } catch (error) {
      if (error instanceof Cancelled) await cancel(job, report);
      else await settle(job, delivery, error, report);
    }
    await tellParent(deps, job);
  }

  /** @returns whether the job waits for others */
  async function work(job: JobRowOf<Type>, delivery: Delivery, signal: AbortSignal): Promise<boolean> {
    let waits = false;
    try {
      await processor.run(job, {
        progress: (percent) => progress(delivery, percent),
        waits: () => {
          waits = true;
        },
        signal,
      });
      return waits;
    } catch (error) {
      // Whatever comes of leaving the work comes of the cancelling.
      signal.throwIfAborted();
      throw error;
    }
  }

  async function cancel(job: JobRowOf<Type>, report: Report): Promise<void> {
    await processor.cancel?.(job);
    await database.query('jobs.endCancelled', (sql) => endCancelled(sql, job.id));
    report('cancelled');
  }

  /** @throws so that the queue brings the job again; or GiveUp when it failed for good, and its parent is told */
  async function settle(
    job: JobRowOf<Type>,
    delivery: Delivery,
    error: unknown,
    report: Report,
  ): Promise<never> {
    const final = isFinal(error) || delivery.isLastAttempt;
    const problem = toProblem(error);
    // Logged even where it cannot be recorded: then the queue brings the job again.
    await database
      .query<unknown>('jobs.settle', (sql) => (final ? failJob : requeueJob)(sql, job.id, problem))
      .finally(() => report(final ? 'failed' : 'retried', error));
    if (!final) throw error;
    await tellParent(deps, job);
    throw new GiveUp(problem.code);
  }

  async function progress(delivery: Delivery, percent: number): Promise<void> {
    const moved = await database.query('jobs.advance', (sql) => advanceJob(sql, delivery.id, percent));
    if (moved) await delivery.announce(percent);
  }
}

type Report = (outcome: JobOutcome['outcome'], error?: unknown) => void;

function spanOf(job: JobRow, delivery: Delivery): SpanFacts {
  return {
    name: `process ${job.type}`,
    kind: SpanKind.CONSUMER,
    attributes: {
      'messaging.system': 'bullmq',
      'messaging.destination.name': job.type,
      'messaging.message.id': job.id,
      'halftone.attempt': delivery.attempt,
    },
  };
}

/** Tells the metrics and the log how an attempt that begins now went. */
function reporter(
  { log, onOutcome }: Pick<ConsumerDeps<JobType>, 'log' | 'onOutcome'>,
  job: JobRow,
  delivery: Delivery,
): Report {
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
    const isFine = outcome !== 'failed' && outcome !== 'retried';
    log[isFine ? 'info' : 'warn'](line, `job ${outcome}`);
  };
}

/** What the queue gave up, because its consumers kept dying with it, ends in the record too. */
export function giveUp(
  deps: Pick<ConsumerDeps<JobType>, 'database' | 'dispatcher' | 'log'>,
  id: string,
  reason: string,
): void {
  const problem = new Problem(
    'DECODER_CRASHED',
    'The job was given up: the workers that had it did not survive.',
  );
  const { database, log } = deps;
  database
    .query('jobs.giveUp', (sql) => failJob(sql, id, problem.toJSON()))
    .then(async (failed) => {
      if (!failed) return;
      log.error({ job: id, reason }, 'job given up');
      await tellParent(deps, failed);
    })
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
