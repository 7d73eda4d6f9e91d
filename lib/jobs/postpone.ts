import { type Executor, jsonb } from '../database/client.js';
import type { ProblemJson } from '../errors.js';
import type { JobRow } from './job.js';
import { jobColumns } from './repository.js';

/** When a job that is put off is looked at again, and what it has come to. */
export interface Postponement {
  /** That count: to be put off is none. */
  readonly attempts: number;
  /** Whether the queue is to go on counting from there; else the caller counts, and the queue from the start. */
  readonly goesOn?: boolean;
  readonly runAt: Date;
  /** Why; undefined: what stands there. */
  readonly error?: ProblemJson;
}

/**
 * Puts a job off that is in hand. It becomes another run of the job, so that the queue can be given it while it
 * still ends this one.
 *
 * @returns the job to dispatch; undefined where it is being cancelled, or another delivery put it off first
 */
export async function postponeJob(
  sql: Executor,
  id: string,
  { attempts, runAt, error, goesOn = false }: Postponement,
): Promise<JobRow | undefined> {
  const [row] = await sql<JobRow[]>`
    update jobs set state = 'queued', run = run + 1, run_at = ${runAt}, attempts_made = ${attempts},
      attempts_before = ${goesOn ? attempts : 0},
      error = ${error ? jsonb(sql, error) : sql`error`},
      -- Until then the queue need not be asked whether it has it.
      enqueued_at = ${runAt}, updated_at = now(), version = version + 1
    where id = ${id} and state = 'active' and cancel_requested_at is null returning ${sql(jobColumns)}`;
  return row;
}
