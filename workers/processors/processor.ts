import type { JobRowOf, JobType } from '../../lib/jobs/job.js';

/** What a processor may do beside its work. */
export interface JobContext {
  /** Records how far the job is, in per cent, and tells whoever follows it. */
  progress(percent: number): Promise<void>;
  /** Says that the job waits for other jobs: its row stays unfinished, and it runs again when they have ended. */
  waits(): void;
  /** Aborts when the job is cancelled: what it began is to be undone, and what `run` does then is ignored. */
  readonly signal: AbortSignal;
}

/**
 * The work of one job type. It can run twice, even at the same moment, and must change nothing the
 * second time. It ends the job's row itself, in one transaction with what it made.
 *
 * A Problem of status 4xx that it throws fails the job for good; everything else is tried again.
 */
export interface Processor<Type extends JobType> {
  readonly type: Type;
  run(job: JobRowOf<Type>, context: JobContext): Promise<void>;
  /** Ends what the job has begun beside itself, when it is cancelled; then its row is ended too. */
  cancel?(job: JobRowOf<Type>): Promise<void>;
}
