import type { Database, Executor } from '../database/client.js';
import { Problem } from '../errors.js';
import type { JobQueue } from '../queue/queue.js';
import { type ChangeDeps, cancelJob } from './cancel.js';
import type { JobRow, JobType } from './job.js';
import { endsNow } from './moments.js';
import { tellParent } from './parents.js';
import { retryJob } from './retry.js';

/** What an operator acts on queues with. */
export interface OperateDeps extends ChangeDeps {
  readonly queues: Readonly<Record<JobType, JobQueue>>;
}

/** Rows a statement: each is short enough for the time-out of a statement, and lets others through. */
const CHUNK = 500;
/** Jobs that are changed one by one, at a time. */
const SIDE_BY_SIDE = 8;

/** Lets nobody take jobs of a queue any more; those that are active end. Survives restarts and an emptied Redis. */
export async function pauseQueue({ database, queues }: OperateDeps, type: JobType): Promise<void> {
  await database.query(
    'pausedQueues.add',
    (sql) => sql`insert into paused_queues (name) values (${type}) on conflict do nothing`,
  );
  await queues[type].pause();
}

/** Lets jobs of a queue be taken again. */
export async function resumeQueue({ database, queues }: OperateDeps, type: JobType): Promise<void> {
  await database.query('pausedQueues.remove', (sql) => sql`delete from paused_queues where name = ${type}`);
  await queues[type].resume();
}

/** Which queues an operator has paused. */
export async function findPaused(sql: Executor): Promise<Set<string>> {
  const rows = await sql<{ name: string }[]>`select name from paused_queues`;
  return new Set(rows.map(({ name }) => name));
}

/** Pauses again what an operator has paused and the queue has forgotten, as an emptied Redis does. */
export async function keepPaused(
  database: Database,
  queues: Readonly<Record<string, Pick<JobQueue, 'pause' | 'isPaused'>>>,
): Promise<void> {
  for (const name of await database.query('pausedQueues.list', findPaused)) {
    const queue = queues[name];
    if (queue && !(await queue.isPaused())) await queue.pause();
  }
}

/** Cancels every job of a type that has not been taken in hand. @returns how many */
export async function drainQueue(deps: OperateDeps, type: JobType): Promise<number> {
  // More than rows hang on a batch or an import: each is cancelled as its owner would.
  if (type === 'batch' || type === 'import') return drainParents(deps, type);
  const { database, queues } = deps;
  let affected = 0;
  for (;;) {
    const cancelled = await database.query('jobs.drain', (sql) => cancelQueued(sql, type, CHUNK));
    affected += cancelled.length;
    await tellParents(deps, cancelled);
    if (cancelled.length < CHUNK) break;
  }
  await queues[type].drain();
  // A job that came meanwhile has left the queue with the others: the next maintenance hands it over.
  await database.query(
    'jobs.markDrained',
    (sql) =>
      sql`update jobs set enqueued_at = null where type = ${type} and state in ('queued', 'active') and state = 'queued'`,
  );
  return affected;
}

async function cancelQueued(sql: Executor, type: JobType, limit: number) {
  return sql<Pick<JobRow, 'parentId' | 'stepOf'>[]>`
    update jobs set state = 'cancelled', finished_at = ${endsNow(sql)}, cancel_requested_at = now(), updated_at = now(),
      version = version + 1
    where id in (
      select id from jobs where type = ${type} and state in ('queued', 'active') and state = 'queued'
      limit ${limit} for update skip locked
    ) and state = 'queued' returning parent_id, step_of`;
}

async function tellParents(
  deps: OperateDeps,
  jobs: readonly Pick<JobRow, 'parentId' | 'stepOf'>[],
): Promise<void> {
  const parents = new Map(jobs.map((job) => [job.parentId ?? job.stepOf, job]));
  for (const job of parents.values()) await tellParent(deps, job);
}

async function drainParents(deps: OperateDeps, type: JobType): Promise<number> {
  const queued = await deps.database.query('jobs.queued', (sql) => idsOf(sql, type, 'queued', new Date()));
  const cancelled = await sideBySide(queued, ({ tenantId, id }) => cancelJob(deps, tenantId, id));
  return cancelled.length;
}

/**
 * Removes the jobs of a type that ended more than `olderThanSeconds` ago, with what became of them. Those
 * that something else still names stay: an export, or a batch that counts them.
 *
 * @returns how many
 */
export async function cleanQueue(
  { database }: Pick<OperateDeps, 'database'>,
  type: JobType,
  olderThanSeconds: number,
): Promise<number> {
  let affected = 0;
  for (;;) {
    const removed = await database.query('jobs.clean', (sql) => removeEnded(sql, type, olderThanSeconds));
    affected += removed;
    if (removed < CHUNK) return affected;
  }
}

async function removeEnded(sql: Executor, type: JobType, olderThanSeconds: number): Promise<number> {
  const [removed] = await sql<{ count: number }[]>`
    with removed as (
      delete from jobs where id in (
        select id from jobs
        where type = ${type} and state in ('completed', 'failed', 'cancelled') and finished_at is not null
          and finished_at <= now() - make_interval(secs => ${olderThanSeconds})
          and not exists (select from exports where exports.job_id = jobs.id)
          and not exists (
            select from jobs as parent
            where parent.id = coalesce(jobs.parent_id, jobs.step_of) and parent.state in ('queued', 'active'))
        limit ${CHUNK} for update skip locked)
      returning id
    ), events as (
      delete from job_events using removed where job_id = removed.id
    )
    select count(*) as count from removed`;
  return removed?.count ?? 0;
}

/** Begins every failed job of a type anew, those that failed first before the others. @returns how many */
export async function retryFailed(deps: OperateDeps, type: JobType): Promise<number> {
  // What fails again from now on is not taken a second time.
  const before = new Date();
  let affected = 0;
  for (;;) {
    const failed = await deps.database.query('jobs.failed', (sql) => idsOf(sql, type, 'failed', before));
    const begun = await sideBySide(failed, ({ tenantId, id }) => retryJob(deps, tenantId, id));
    affected += begun.length;
    if (begun.length === 0) return affected;
  }
}

async function idsOf(sql: Executor, type: JobType, state: 'queued' | 'failed', before: Date) {
  const isOf = state === 'failed' ? sql`finished_at < ${before}` : sql`state in ('queued', 'active')`;
  return sql<Pick<JobRow, 'id' | 'tenantId'>[]>`
    select id, tenant_id from jobs where type = ${type} and state = ${state} and ${isOf}
    order by finished_at limit ${CHUNK}`;
}

/**
 * Changes jobs a few at a time. One that somebody else has changed meanwhile is not counted; where there is
 * no room for more, what was changed so far stands.
 */
async function sideBySide<Job>(
  jobs: readonly Job[],
  change: (job: Job) => Promise<unknown>,
): Promise<readonly Job[]> {
  const changed: Job[] = [];
  let isFull = false;
  const waiting = [...jobs];
  const work = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined && !isFull; job = waiting.shift()) {
      try {
        await change(job);
        changed.push(job);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        if (error.status === 503) {
          if (changed.length === 0) throw error;
          isFull = true;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  return changed;
}
