import type { Executor } from '../database/client.js';
import type { JobRow } from '../jobs/job.js';
import { jobColumns } from '../jobs/repository.js';

/**
 * Begins a delivery that has ended anew, by the same job and under the same id. Of two who ask at once,
 * one begins it.
 *
 * @returns the job to dispatch; undefined where the delivery has not ended
 */
export async function replayDelivery(sql: Executor, id: string): Promise<JobRow | undefined> {
  const [row] = await sql<JobRow[]>`
    update jobs set state = 'queued', run = run + 1, run_at = null, progress = 0, attempts_made = 0, crashes = 0,
      worker_id = null, error = null, result = null, started_at = null, finished_at = null,
      cancel_requested_at = null, enqueued_at = now(), updated_at = now(), version = version + 1
    where id = ${id} and state in ('completed', 'failed', 'cancelled') returning ${sql(jobColumns)}`;
  if (row) await sql`update deliveries set attempts = 0, next_attempt_at = now() where id = ${id}`;
  return row;
}
