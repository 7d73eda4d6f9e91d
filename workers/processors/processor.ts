import type { JobRowOf, JobType } from '../../lib/jobs/job.js';

/** What a processor may do beside its work. */
export interface JobContext {
  /** Records how far the job is, in per cent, and tells whoever follows it. */
  progress(percent: number): Promise<void>;
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
}
