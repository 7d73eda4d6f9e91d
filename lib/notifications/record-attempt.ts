import { type Executor, jsonb } from '../database/client.js';
import { Problem, type ProblemJson } from '../errors.js';
import type { JobRow } from '../jobs/job.js';
import { jobColumns } from '../jobs/repository.js';
import type { Attempt } from './attempt.js';

/** Notes how an attempt went, and when the next one is; null: there is none. */
export async function recordAttempt(
  sql: Executor,
  id: string,
  { status, error, response }: Attempt,
  {
    attempts,
    giveUpAt,
    next,
  }: { readonly attempts: number; readonly giveUpAt: Date; readonly next: Date | null },
): Promise<void> {
  await sql`
    update deliveries set attempts = ${attempts}, last_status = ${status}, last_error = ${error},
      response = ${response}, last_attempt_at = now(), next_attempt_at = ${next}, give_up_at = ${giveUpAt}
    where id = ${id}`;
}

/** Notes when a delivery that was not tried is looked at again. */
export async function recordPostponed(sql: Executor, id: string, next: Date, giveUpAt: Date): Promise<void> {
  await sql`update deliveries set next_attempt_at = ${next}, give_up_at = ${giveUpAt} where id = ${id}`;
}

/**
 * Puts the job of a delivery off. It becomes another run of the job, so that the queue can be given it
 * while it still ends this one.
 *
 * @param error why; undefined: what stands there
 * @returns the job to dispatch; undefined where it is being cancelled, or another delivery put it off first
 */
export async function postponeJob(
  sql: Executor,
  id: string,
  {
    attempts,
    runAt,
    error,
  }: { readonly attempts: number; readonly runAt: Date; readonly error?: ProblemJson },
): Promise<JobRow | undefined> {
  const [row] = await sql<JobRow[]>`
    update jobs set state = 'queued', run = run + 1, run_at = ${runAt}, attempts_made = ${attempts},
      error = ${error ? jsonb(sql, error) : sql`error`},
      -- Until then the queue need not be asked whether it has it.
      enqueued_at = ${runAt}, updated_at = now(), version = version + 1
    where id = ${id} and state = 'active' and cancel_requested_at is null returning ${sql(jobColumns)}`;
  return row;
}

/** Puts a job back that an earlier run of it brought before its time: the later run brings it again. */
export async function putBack(sql: Executor, id: string): Promise<void> {
  await sql`
    update jobs set state = 'queued', enqueued_at = run_at, updated_at = now(), version = version + 1
    where id = ${id} and state = 'active'`;
}

/** Why a delivery failed, as its job shows it. A 4xx: another attempt of the queue's own would be one too many. */
export function deliveryFailed(why: string): Problem {
  return new Problem('DELIVERY_FAILED', why);
}
