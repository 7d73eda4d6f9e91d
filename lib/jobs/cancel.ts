import type { Database, Executor } from '../database/client.js';
import { Problem } from '../errors.js';
import type { Dispatcher } from './dispatcher.js';
import type { JobRow, JobType } from './job.js';
import { endsNow } from './moments.js';
import { tellParent } from './parents.js';
import { findJob, jobColumns } from './repository.js';
import { hasEnded } from './state.js';

/** What jobs are cancelled and begun anew with. */
export interface ChangeDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
}

/** Their own processor cancels them: there is more to end than a row. */
const PARENTS: readonly JobType[] = ['batch', 'import'];

/**
 * Cancels a job: at once where it waits; where it is in hand, whoever has it ends it within a second or
 * two. A job that is cancelled already is left as it is.
 *
 * @returns the job as it is now: `cancelled`, or `active` (a batch or import also `queued`) while it stops
 * @throws Problem JOB_NOT_FOUND (404), JOB_ENDED (409)
 */
export async function cancelJob(deps: ChangeDeps, tenantId: string, id: string): Promise<JobRow> {
  const { database, dispatcher } = deps;
  const changed = await database.query('jobs.cancel', (sql) => requestCancel(sql, tenantId, id));
  if (!changed) return unchanged(deps, tenantId, id);
  if (PARENTS.includes(changed.type)) await dispatcher.wake(changed);
  if (changed.state === 'cancelled') {
    await dispatcher.forget(changed);
    await tellParent(deps, changed);
  }
  return changed;
}

/** One statement, so that whoever takes the job in the same moment either has it or does not get it. */
async function requestCancel(sql: Executor, tenantId: string, id: string): Promise<JobRow | undefined> {
  const atOnce = sql`(state = 'queued' and not (type in ${sql(PARENTS)}))`;
  const [row] = await sql<JobRow[]>`
    update jobs set
      state = case when ${atOnce} then 'cancelled' else state end,
      finished_at = case when ${atOnce} then now() end,
      cancel_requested_at = now(), updated_at = now(), version = version + 1
    where id = ${id} and tenant_id = ${tenantId} and state in ('queued', 'active') and cancel_requested_at is null
    returning ${sql(jobColumns)}`;
  return row;
}

async function unchanged({ database }: ChangeDeps, tenantId: string, id: string): Promise<JobRow> {
  const job = await database.query('jobs.find', (sql) => findJob(sql, tenantId, id));
  if (!job) throw new Problem('JOB_NOT_FOUND', 'There is no job of this id.');
  if (hasEnded(job.state) && job.state !== 'cancelled')
    throw new Problem('JOB_ENDED', `The job is ${job.state}: only one that has not ended can be cancelled.`);
  return job;
}

/** Ends a job whose cancelling was asked for. False: it had ended already. */
export async function endCancelled(sql: Executor, id: string): Promise<boolean> {
  const { count } = await sql`
    update jobs set state = 'cancelled', finished_at = ${endsNow(sql)}, updated_at = now(), version = version + 1
    where id = ${id} and state in ('queued', 'active') and cancel_requested_at is not null`;
  return count > 0;
}
