import { type Executor, type Fragment, jsonb } from '../database/client.js';
import { within } from '../deadline.js';
import type { ChangeDeps } from './cancel.js';
import type { Dispatched, Dispatcher } from './dispatcher.js';
import type { JobResult, JobRow } from './job.js';
import { endsNow } from './moments.js';
import { begunAnew } from './retry.js';
import type { JobState } from './state.js';

/**
 * Members that are cancelled or begun anew at a time: no transaction is longer than one of these. A statement may
 * change fewer and leave others, as some change beside it: only one that finds none is the last.
 */
const CHUNK = 1_000;
const UNFINISHED: readonly JobState[] = ['queued', 'active'];
/** Entries that the queue has not let go of by then are delivered, and find their jobs ended. */
const FORGET_MS = 250;

/**
 * Cancels the members of a batch or import that have not ended, or only those in the given states, in parts. Those in
 * hand are the first: their workers find out at the next look, and nothing of what they come to is recorded. What the
 * queue holds of those that wait is taken out as far as that is quick.
 */
export async function cancelMembers(
  deps: ChangeDeps,
  parentId: string,
  states: readonly JobState[] = UNFINISHED,
): Promise<void> {
  await cancelAll(deps, (sql) => sql`parent_id = ${parentId} and state in ${sql(states)}`);
}

/** Cancels the steps of a batch that have not ended. */
export async function cancelSteps(deps: ChangeDeps, batchId: string): Promise<void> {
  await cancelAll(deps, (sql) => sql`step_of = ${batchId}`);
}

async function cancelAll(
  { database, dispatcher }: ChangeDeps,
  which: (sql: Executor) => Fragment,
): Promise<void> {
  const forgetting: Promise<void>[] = [];
  for (;;) {
    const cancelled = await database.query('jobs.cancelAll', (sql) => cancelSome(sql, which(sql)));
    if (cancelled.length === 0) break;
    forgetting.push(forgetAll(dispatcher, cancelled));
  }
  await within(Promise.all(forgetting), FORGET_MS).catch(() => undefined);
}

async function forgetAll(dispatcher: Dispatcher, jobs: readonly Dispatched[]): Promise<void> {
  await Promise.all(jobs.map((job) => dispatcher.forget(job)));
}

async function cancelSome(sql: Executor, which: Fragment): Promise<Dispatched[]> {
  return sql<Dispatched[]>`
    update jobs set state = 'cancelled', cancel_requested_at = coalesce(cancel_requested_at, now()),
      finished_at = ${endsNow(sql)}, updated_at = now(), version = version + 1
    where state in ('queued', 'active') and id = any(array(
      select id from jobs where ${which} and state in ('queued', 'active') order by state, id limit ${CHUNK} for update))
    returning id, tenant_id, type, priority, attempts_max, run, run_at`;
}

/**
 * Begins the members anew, and hands them over, that failed or were cancelled in the run before; not those
 * that were never possible. None is begun while the parent is to be cancelled.
 */
export async function beginMembersAnew(
  { database, dispatcher }: ChangeDeps,
  { id, startedAt }: Pick<JobRow, 'id' | 'startedAt'>,
  signal: AbortSignal,
): Promise<void> {
  const before = startedAt ?? new Date();
  for (;;) {
    signal.throwIfAborted();
    const begun = await database.query('jobs.beginMembersAnew', (sql) => beginSome(sql, id, before));
    await dispatcher.dispatch(...begun);
    if (begun.length === 0) return;
  }
}

async function beginSome(sql: Executor, parentId: string, before: Date): Promise<Dispatched[]> {
  return sql<Dispatched[]>`
    with parent as (
      select id from jobs
      where id = ${parentId} and state in ('queued', 'active') and cancel_requested_at is null for share
    )
    update jobs set ${begunAnew(sql)}, dedup_key = null
    where state in ('failed', 'cancelled') and id = any(array(
      select member.id from parent join jobs as member on member.parent_id = parent.id
      where member.state in ('failed', 'cancelled') and member.finished_at <= ${before}
        and member.request -> 'renditions' is distinct from '[]'
      order by member.id limit ${CHUNK} for update of member))
    returning id, tenant_id, type, priority, attempts_max, run, run_at`;
}

/**
 * Locks a parent before its members are counted, until the transaction ends: whoever counts later sees no less, and
 * does not put an older count in the place of a newer one.
 */
export async function lockParent(sql: Executor, id: string): Promise<void> {
  await sql`select from jobs where id = ${id} for no key update`;
}

/** Says what an unfinished parent has come to so far, and how many per cent, where that is new. */
export async function recordSoFar(
  sql: Executor,
  id: string,
  result: JobResult,
  progress: number,
): Promise<void> {
  const value = jsonb(sql, result);
  await sql`
    update jobs set result = ${value}, progress = greatest(progress, ${progress}), updated_at = now(), version = version + 1
    where id = ${id} and state in ('queued', 'active') and (result is distinct from ${value} or progress < ${progress})`;
}
