import type { Database } from '../lib/database/client.js';
import { Problem, type ProblemJson } from '../lib/errors.js';
import type { JobRow } from '../lib/jobs/job.js';
import { advanceJob, failJob, holdJob, requeueJob, startJob } from '../lib/jobs/repository.js';
import type { Logger } from '../lib/logger.js';
import { type Delivery, GiveUp } from '../lib/queue/queue.js';
import { Isolation } from './isolation.js';
import type { Processor } from './processors/processor.js';

/** How a delivery ended, for the metrics. */
export interface JobOutcome {
  readonly type: string;
  readonly outcome: 'completed' | 'failed' | 'retried';
  readonly waitSeconds: number;
  readonly runSeconds: number;
}

/** What a consumer works with. */
export interface ConsumerDeps {
  readonly database: Database;
  readonly processor: Processor;
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
export function consume(deps: ConsumerDeps): (delivery: Delivery) => Promise<void> {
  const isolation = new Isolation();
  const { database, log, processor } = deps;
  return async (delivery) => {
    const job = await database.query('jobs.start', (sql) =>
      startJob(sql, delivery.id, delivery.attempt, deps.workerId),
    );
    // Ended, or removed: a second delivery finds the work done.
    if (!job) return;
    const started = performance.now();
    const report = (outcome: JobOutcome['outcome'], error?: unknown): void => {
      const runSeconds = (performance.now() - started) / 1000;
      const waitSeconds = Math.max(0, ((job.startedAt?.getTime() ?? 0) - job.createdAt.getTime()) / 1000);
      deps.onOutcome({ type: job.type, outcome, waitSeconds, runSeconds });
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
    try {
      if (job.crashes >= MAX_CRASHES) throw crashed(job);
      const suspect = job.crashes > 0;
      await isolation.run(suspect, async () => {
        // While it waited for the others to end, a crash would have been theirs.
        if (suspect) await database.query('jobs.hold', (sql) => holdJob(sql, job.id, deps.workerId));
        await processor.run(job, { progress: (percent) => progress(percent) });
      });
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

    async function progress(percent: number): Promise<void> {
      const moved = await database.query('jobs.advance', (sql) => advanceJob(sql, delivery.id, percent));
      if (moved) await delivery.announce(percent);
    }
  };
}

/** What the queue gave up, because its consumers kept dying with it, ends in the record too. */
export function giveUp(
  { database, log }: Pick<ConsumerDeps, 'database' | 'log'>,
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

function crashed(job: JobRow): Problem {
  return new Problem('DECODER_CRASHED', `The decoder died ${job.crashes} times on this image.`);
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
