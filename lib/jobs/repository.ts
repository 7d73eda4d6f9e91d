import { type Executor, type Fragment, jsonb, uuids } from '../database/client.js';
import type { ProblemJson } from '../errors.js';
import { Cancelled } from './cancelled.js';
import type { JobFacts, JobResult, JobRow, JobWork } from './job.js';
import { beginsNow, endsNow } from './moments.js';

/** What is read of a job's row. */
export const jobColumns = [
  'id',
  'tenantId',
  'type',
  'state',
  'progress',
  'priority',
  'attemptsMade',
  'attemptsMax',
  'crashes',
  'imageId',
  'parentId',
  'stepOf',
  'run',
  'runAt',
  'cancelRequestedAt',
  'request',
  'result',
  'error',
  'requestId',
  'traceparent',
  'createdAt',
  'startedAt',
  'finishedAt',
  'version',
  'clientAddress',
  'keyPrefix',
] as const satisfies (keyof JobRow)[];

/** What a new job starts from. */
export type NewJob = Pick<
  JobFacts,
  'id' | 'tenantId' | 'priority' | 'attemptsMax' | 'imageId' | 'requestId' | 'traceparent'
> &
  Partial<Pick<JobFacts, 'parentId' | 'stepOf' | 'runAt' | 'clientAddress' | 'keyPrefix'>> & {
    /** Which step of its batch it is, from 0. */
    readonly step?: number;
    /** Two of the same key are never unfinished at once: see {@link insertOnce}. */
    readonly dedupKey?: string;
    /** Who is told of its end. */
    readonly notify?: object;
    /** What it has come to before it begins: the counts of a batch. */
    readonly result?: JobResult;
  } & DistributivePick<JobWork, 'type' | 'request'>;

type DistributivePick<Union, Keys extends keyof Union> = Union extends unknown ? Pick<Union, Keys> : never;

/** Records a job as queued, and as handed to the queue: {@link markNotEnqueued} says when it was not. */
export async function insertJob(sql: Executor, job: NewJob): Promise<JobRow> {
  const [row] = await sql<JobRow[]>`insert into jobs ${sql(newRow(sql, job))} returning ${sql(jobColumns)}`;
  if (!row) throw new Error('an insert returned no row');
  return row;
}

/**
 * Records a job, unless one of its key is unfinished: then that one serves both askers.
 *
 * @returns the job, and whether it is new
 */
export async function insertOnce(
  sql: Executor,
  job: NewJob & { readonly dedupKey: string },
): Promise<{ job: JobRow; isNew: boolean }> {
  // The one that is in flight can end between the two statements: then the next try is the first of its kind.
  for (;;) {
    const [made] = await sql<JobRow[]>`
      insert into jobs ${sql(newRow(sql, job))}
      on conflict (tenant_id, dedup_key) where dedup_key is not null and state in ('queued', 'active') do nothing
      returning ${sql(jobColumns)}`;
    if (made) return { job: made, isNew: true };
    const [standing] = await sql<JobRow[]>`
      select ${sql(jobColumns)} from jobs
      where tenant_id = ${job.tenantId} and dedup_key = ${job.dedupKey} and state in ('queued', 'active')`;
    if (standing) return { job: standing, isNew: false };
  }
}

function newRow(sql: Executor, { request, notify, result, ...job }: NewJob) {
  return {
    ...job,
    state: 'queued',
    request: jsonb(sql, request),
    ...(notify && { notify: jsonb(sql, notify) }),
    ...(result && { result: jsonb(sql, result) }),
  };
}

/** One job of a tenant, or undefined. */
export async function findJob(sql: Executor, tenantId: string, id: string): Promise<JobRow | undefined> {
  const [row] = await sql<JobRow[]>`
    select ${sql(jobColumns)} from jobs where id = ${id} and tenant_id = ${tenantId}`;
  return row;
}

/** How many jobs of a tenant, a type and a priority wait. */
export interface QueuedCount extends Pick<JobRow, 'tenantId' | 'type' | 'priority'> {
  readonly count: number;
  /** Those among them that do not wait for their time. */
  readonly due: number;
  /** Those among them that are members of a batch or import. */
  readonly members: number;
}

/**
 * How many jobs wait: the backlog. Deliveries do not count: those to a receiver that is
 * down wait for a day, and that is no reason to turn work away.
 */
export async function countQueued(sql: Executor): Promise<QueuedCount[]> {
  return sql<QueuedCount[]>`
    select tenant_id, type, priority, count(*) as count, count(parent_id) as members,
      count(*) filter (where run_at is null or run_at <= now()) as due
    from jobs where state in ('queued', 'active') and state = 'queued' and type <> 'notify'
    group by tenant_id, type, priority`;
}

/** Which attempt of which job begins; the first is 1. */
export interface JobStart {
  readonly id: string;
  readonly attempt: number;
}

/** That a job has not ended; see {@link startJobs} for why it is not said as elsewhere. */
const notOver = (sql: Executor): Fragment => sql`state not in ('completed', 'failed', 'cancelled')`;

/**
 * Takes jobs in hand. Guarded: one that has ended is not taken, and is not among those returned. One that
 * another delivery holds is: at least once means that two may run it, and the end is guarded again.
 *
 * A job that was in hand at a crash is not in this worker's hands yet: see {@link holdJob}.
 *
 * They are found by their ids, in the order of these, so that two workers that take the same jobs never wait for
 * each other in a circle. Neither a join with a list of unknown length nor a condition like that of the index of
 * unfinished jobs: each has PostgreSQL read the whole backlog whenever its statistics are old.
 */
export async function startJobs(
  sql: Executor,
  starts: readonly JobStart[],
  workerId: string,
): Promise<JobRow[]> {
  const attempts = Object.fromEntries(starts.map(({ id, attempt }) => [id, attempt]));
  return sql<JobRow[]>`
    update jobs set state = 'active',
      attempts_made = greatest(attempts_made, attempts_before + (${jsonb(sql, attempts)} ->> id::text)::integer),
      worker_id = case when crashes = 0 then ${workerId} end, started_at = coalesce(started_at, ${beginsNow(sql)}),
      updated_at = now(), version = version + 1
    where id = any(${uuids(Object.keys(attempts))}::uuid[]) and ${notOver(sql)}
    returning ${sql(jobColumns)}`;
}

/** Says that a worker runs a suspect job, alone: from now on a crash of that worker is its doing. */
export async function holdJob(sql: Executor, id: string, workerId: string): Promise<void> {
  await sql`update jobs set worker_id = ${workerId}, updated_at = now() where id = ${id} and state = 'active'`;
}

/** Moves the progress of an active job forward, never back. */
export async function advanceJob(sql: Executor, id: string, progress: number): Promise<boolean> {
  const { count } = await sql`
    update jobs set progress = ${progress}, updated_at = now(), version = version + 1
    where id = ${id} and state = 'active' and progress < ${progress}`;
  return count > 0;
}

/** What a job came to. */
export interface JobEnd {
  readonly id: string;
  readonly result: JobResult;
}

/** What became of an end: it stands; the job had already ended, or is gone; or it is to be cancelled, or was. */
export type EndOutcome = 'completed' | 'over' | 'cancelling';

/** Ends unfinished jobs well, each by itself. @returns what became of each, in their order */
export async function completeJobs(sql: Executor, ends: readonly JobEnd[]): Promise<EndOutcome[]> {
  const results = Object.fromEntries(ends.map(({ id, result }) => [id, result]));
  const completed = await sql<{ id: string }[]>`
    update jobs set state = 'completed', progress = 100, result = ${jsonb(sql, results)} -> id::text, error = null,
      finished_at = ${endsNow(sql)}, updated_at = now(), version = version + 1
    where id = any(${uuids(Object.keys(results))}::uuid[]) and ${notOver(sql)} and cancel_requested_at is null
    returning id`;
  const ids = new Set(completed.map(({ id }) => id));
  const others = ends.map(({ id }) => id).filter((id) => !ids.has(id));
  const cancelling = new Set(others.length === 0 ? [] : await cancelledAmong(sql, others));
  return ends.map(({ id }) => (ids.has(id) ? 'completed' : cancelling.has(id) ? 'cancelling' : 'over'));
}

/** Those of the given jobs whose cancelling was asked for, ended or not. */
export async function cancelledAmong(sql: Executor, ids: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from jobs where cancel_requested_at is not null and id = any(${uuids(ids)}::uuid[])`;
  return rows.map(({ id }) => id);
}

/**
 * Ends an unfinished job well. False: it had already ended.
 *
 * @throws Cancelled when it is to be cancelled, or was: let the transaction roll back
 */
export async function completeJob(sql: Executor, id: string, result: JobResult): Promise<boolean> {
  const [outcome] = await completeJobs(sql, [{ id, result }]);
  if (outcome === 'cancelling') throw new Cancelled();
  return outcome === 'completed';
}

/** Ends an unfinished job badly. Undefined: it had already ended. */
export async function failJob(
  sql: Executor,
  id: string,
  error: ProblemJson,
): Promise<Pick<JobRow, 'parentId' | 'stepOf'> | undefined> {
  const [row] = await sql<Pick<JobRow, 'parentId' | 'stepOf'>[]>`
    update jobs set state = 'failed', error = ${jsonb(sql, error)},
      finished_at = ${endsNow(sql)}, updated_at = now(), version = version + 1
    where id = ${id} and state in ('queued', 'active') returning parent_id, step_of`;
  return row;
}

/** Puts an active job back: the queue brings it again after its backoff. `error` says why it did not end. */
export async function requeueJob(sql: Executor, id: string, error: ProblemJson): Promise<boolean> {
  const { count } = await sql`
    update jobs set state = 'queued', error = ${jsonb(sql, error)}, enqueued_at = now(),
      updated_at = now(), version = version + 1
    where id = ${id} and state = 'active'`;
  return count > 0;
}

/** Blames the jobs that a worker process had in hand when it died by its own fault. */
export async function recordCrash(sql: Executor, workerId: string): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    update jobs set crashes = crashes + 1, updated_at = now()
    where state = 'active' and worker_id = ${workerId} returning id`;
  return rows.map(({ id }) => id);
}

/** Says that the queue did not take these jobs: the next maintenance hands them over. */
export async function markNotEnqueued(sql: Executor, ids: readonly string[]): Promise<void> {
  await sql`update jobs set enqueued_at = null where id = any(${uuids(ids)}::uuid[]) and state = 'queued'`;
}

/** A job that the queue should hold. */
export type UnfinishedJob = Pick<
  JobRow,
  'id' | 'tenantId' | 'type' | 'priority' | 'attemptsMax' | 'run' | 'runAt'
>;

/** Unfinished jobs that the queue was never given, or was last known to hold `staleSeconds` ago. */
export async function unverifiedJobs(
  sql: Executor,
  staleSeconds: number,
  limit: number,
): Promise<UnfinishedJob[]> {
  return sql<UnfinishedJob[]>`
    select id, tenant_id, type, priority, attempts_max - attempts_before as attempts_max, run, run_at from jobs
    where state in ('queued', 'active')
      and (enqueued_at is null or enqueued_at < now() - make_interval(secs => ${staleSeconds}))
    order by enqueued_at nulls first limit ${limit}`;
}

/** Notes that the queue holds these jobs now. */
export async function markEnqueued(sql: Executor, ids: readonly string[]): Promise<void> {
  await sql`update jobs set enqueued_at = now() where id = any(${uuids(ids)}::uuid[]) and state in ('queued', 'active')`;
}
