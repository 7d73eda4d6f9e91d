import type { Executor } from '../database/client.js';
import { Problem } from '../errors.js';
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
