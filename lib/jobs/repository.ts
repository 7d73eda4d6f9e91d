import { Type } from 'typebox';
import { type Executor, jsonb } from '../database/client.js';
import type { ProblemJson } from '../errors.js';
import { createdFilters } from '../lists/created-filters.js';
import { object, pathOf, plainText, value } from '../lists/field.js';
import type { ExportedDataset, ListedDataset } from '../lists/list.js';
import { exportPath, jobPath, renditionsPath } from '../paths.js';
import type { JobFacts, JobResult, JobRow, JobType, JobWork, Priority } from './job.js';
import { jobStates, jobTypes, priorities } from './job.js';
import { JobSchema } from './schema.js';

const columns = [
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
  'request',
  'result',
  'error',
  'requestId',
  'traceparent',
  'createdAt',
  'startedAt',
  'finishedAt',
  'version',
] as const satisfies (keyof JobRow)[];

/** Never negative, as the API shows it: the clocks of two machines may differ. Null until both are known. */
const millisecondsBetween = (from: string, to: string): string =>
  `case when ${from} is not null and ${to} is not null
    then greatest(0, extract(epoch from ${to} - ${from}) * 1000)::bigint end`;

/** Jobs as lists and exports see them. */
export const jobDataset: ListedDataset<JobRow> & ExportedDataset = {
  name: 'jobs',
  table: 'jobs',
  schema: JobSchema,
  columns: {
    id: ['id'],
    type: ['type'],
    state: ['state'],
    progress: ['progress'],
    attempts: ['attemptsMade', 'attemptsMax'],
    priority: ['priority'],
    imageId: ['imageId'],
    createdAt: ['createdAt'],
    startedAt: ['startedAt'],
    finishedAt: ['finishedAt'],
    waitMs: ['createdAt', 'startedAt'],
    runMs: ['startedAt', 'finishedAt'],
    error: ['error'],
    result: ['result'],
    links: ['state', 'result'],
  },
  fields: {
    id: value('uuid', 'jobs.id'),
    type: plainText('jobs.type'),
    state: plainText('jobs.state'),
    progress: value('integer', 'jobs.progress'),
    attempts: object({
      made: value('integer', 'jobs.attempts_made'),
      max: value('integer', 'jobs.attempts_max'),
    }),
    priority: plainText('jobs.priority'),
    imageId: value('uuid', 'jobs.image_id'),
    createdAt: value('timestamp', 'jobs.created_at'),
    startedAt: value('timestamp', 'jobs.started_at'),
    finishedAt: value('timestamp', 'jobs.finished_at'),
    waitMs: value('bigint', millisecondsBetween('jobs.created_at', 'jobs.started_at')),
    runMs: value('bigint', millisecondsBetween('jobs.started_at', 'jobs.finished_at')),
    error: value('json', 'jobs.error'),
    result: value('json', 'jobs.result'),
    links: object(
      {
        self: pathOf(jobPath, 'jobs.id'),
        result: plainText(
          `case when jobs.state <> 'completed' then null
            when jobs.type = 'export' then ${pathOf(exportPath, "jobs.result ->> 'exportId'").sql}
            else ${pathOf(renditionsPath, "jobs.result ->> 'imageId'").sql} end`,
        ),
      },
      { omitsNull: true },
    ),
  },
  ownFields: [
    'id',
    'type',
    'state',
    'progress',
    'attempts',
    'priority',
    'imageId',
    'createdAt',
    'startedAt',
    'finishedAt',
    'waitMs',
    'runMs',
    'error',
    'result',
  ],
  filters: {
    state: { column: 'state', type: 'text', operator: '=', schema: Type.Enum([...jobStates]) },
    type: { column: 'type', type: 'text', operator: '=', schema: Type.Enum([...jobTypes]) },
    priority: { column: 'priority', type: 'text', operator: '=', schema: Type.Enum([...priorities]) },
    imageId: { column: 'image_id', type: 'uuid', operator: '=', schema: Type.String({ format: 'uuid' }) },
    ...createdFilters,
  },
};

/** What a new job starts from. */
export type NewJob = Pick<
  JobFacts,
  'id' | 'tenantId' | 'priority' | 'attemptsMax' | 'imageId' | 'requestId' | 'traceparent'
> &
  DistributivePick<JobWork, 'type' | 'request'>;

type DistributivePick<Union, Keys extends keyof Union> = Union extends unknown ? Pick<Union, Keys> : never;

/** Records a job as queued, and as handed to the queue: {@link markNotEnqueued} says when it was not. */
export async function insertJob(sql: Executor, job: NewJob): Promise<JobRow> {
  const [row] = await sql<JobRow[]>`
    insert into jobs ${sql({ ...job, request: jsonb(sql, job.request), state: 'queued' })} returning ${sql(columns)}`;
  if (!row) throw new Error('an insert returned no row');
  return row;
}

/** One job of a tenant, or undefined. */
export async function findJob(sql: Executor, tenantId: string, id: string): Promise<JobRow | undefined> {
  const [row] = await sql<JobRow[]>`
    select ${sql(columns)} from jobs where id = ${id} and tenant_id = ${tenantId}`;
  return row;
}

/** How many jobs wait: the backlog. */
export async function countQueued(sql: Executor): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) as count from jobs where state in ('queued', 'active') and state = 'queued'`;
  return row?.count ?? 0;
}

/**
 * Takes a job in hand. Guarded: a job that has ended is not taken, and undefined says so. A job that
 * another delivery holds is: at least once means that two may run it, and the end is guarded again.
 *
 * A job that was in hand at a crash is not in this worker's hands yet: see {@link holdJob}.
 *
 * @param attempt which attempt this is, from 1
 */
export async function startJob(
  sql: Executor,
  id: string,
  attempt: number,
  workerId: string,
): Promise<JobRow | undefined> {
  const [row] = await sql<JobRow[]>`
    update jobs set state = 'active', attempts_made = greatest(attempts_made, ${attempt}),
      worker_id = case when crashes = 0 then ${workerId} end, started_at = coalesce(started_at, now()), updated_at = now(), version = version + 1
    where id = ${id} and state in ('queued', 'active') returning ${sql(columns)}`;
  return row;
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

/** Ends an active job well. False: it had already ended, or was given back meanwhile. */
export async function completeJob(sql: Executor, id: string, result: JobResult): Promise<boolean> {
  const { count } = await sql`
    update jobs set state = 'completed', progress = 100, result = ${jsonb(sql, result)}, error = null,
      finished_at = now(), updated_at = now(), version = version + 1
    where id = ${id} and state in ('queued', 'active')`;
  return count > 0;
}

/** Ends an unfinished job badly. False: it had already ended. */
export async function failJob(sql: Executor, id: string, error: ProblemJson): Promise<boolean> {
  const { count } = await sql`
    update jobs set state = 'failed', error = ${jsonb(sql, error)},
      finished_at = now(), updated_at = now(), version = version + 1
    where id = ${id} and state in ('queued', 'active')`;
  return count > 0;
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
  await sql`update jobs set enqueued_at = null where id in ${sql(ids)} and state = 'queued'`;
}

/** A job that the queue should hold. */
export interface UnfinishedJob {
  readonly id: string;
  readonly type: JobType;
  readonly priority: Priority;
  readonly attemptsMax: number;
  readonly attemptsMade: number;
}

/** Unfinished jobs that the queue was never given, or was last known to hold `staleSeconds` ago. */
export async function unverifiedJobs(
  sql: Executor,
  staleSeconds: number,
  limit: number,
): Promise<UnfinishedJob[]> {
  return sql<UnfinishedJob[]>`
    select id, type, priority, attempts_max, attempts_made from jobs
    where state in ('queued', 'active')
      and (enqueued_at is null or enqueued_at < now() - make_interval(secs => ${staleSeconds}))
    order by enqueued_at nulls first limit ${limit}`;
}

/** Notes that the queue holds these jobs now. */
export async function markEnqueued(sql: Executor, ids: readonly string[]): Promise<void> {
  await sql`update jobs set enqueued_at = now() where id in ${sql(ids)} and state in ('queued', 'active')`;
}
