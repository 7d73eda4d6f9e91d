import type { Executor, Fragment } from '../database/client.js';
import { Problem, systemErrorCode } from '../errors.js';
import type { ChangeDeps } from './cancel.js';
import type { JobRow } from './job.js';
import { findJob, jobColumns } from './repository.js';
import { canBeRetried } from './state.js';

const UNIQUE_VIOLATION = '23505';

/**
 * Begins a job anew that failed or was cancelled. Of two who ask at once, one begins it.
 *
 * @returns the job, queued
 * @throws Problem JOB_NOT_FOUND (404), JOB_NOT_RETRYABLE (409), or 503 when there is no room
 */
export async function retryJob(deps: ChangeDeps, tenantId: string, id: string): Promise<JobRow> {
  const { database, dispatcher } = deps;
  await dispatcher.assertRoom();
  const begin = () => database.query('jobs.retry', (sql) => beginAnew(sql, tenantId, id));
  // Another job of the same work was begun in the same moment: now this one sees it.
  const job = await begin().catch((error) => {
    if (systemErrorCode(error) !== UNIQUE_VIOLATION) throw error;
    return begin();
  });
  if (!job) {
    const standing = await database.query('jobs.find', (sql) => findJob(sql, tenantId, id));
    if (!standing) throw new Problem('JOB_NOT_FOUND', 'There is no job of this id.');
    // A member of a batch whose image what was asked for does not fit, or whose image was gone.
    if (canBeRetried(standing.state))
      throw new Problem('JOB_NOT_RETRYABLE', 'What was asked for can never be made; ask for something else.');
    throw new Problem(
      'JOB_NOT_RETRYABLE',
      `The job is ${standing.state}: only one that failed or was cancelled can be begun anew.`,
    );
  }
  await dispatcher.dispatch(job);
  return job;
}

/** What is set in the row of a job that begins anew, but for its `dedup_key`: members have none. */
export function begunAnew(sql: Executor): Fragment {
  return sql`
    state = 'queued', run = run + 1, progress = 0, attempts_made = 0, attempts_before = 0, crashes = 0, worker_id = null, error = null,
    result = null, started_at = null, finished_at = null, cancel_requested_at = null, enqueued_at = now(),
    updated_at = now(), version = version + 1`;
}

async function beginAnew(sql: Executor, tenantId: string, id: string): Promise<JobRow | undefined> {
  // The same work may have been asked for meanwhile: then that job makes it, and two would be one too many.
  const [row] = await sql<JobRow[]>`
    update jobs set ${begunAnew(sql)}, dedup_key = case when not exists (
        select from jobs as other where other.tenant_id = jobs.tenant_id and other.dedup_key = jobs.dedup_key
          and other.state in ('queued', 'active')) then dedup_key end
    where id = ${id} and tenant_id = ${tenantId} and state in ('failed', 'cancelled')
      and not (type = 'resize' and coalesce(request -> 'renditions' = '[]', false))
    returning ${sql(jobColumns)}`;
  return row;
}
