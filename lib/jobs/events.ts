import { jobAudit, jobAuditColumns } from '../audit.js';
import { type Database, type Executor, jsonb, uuids } from '../database/client.js';
import type { Viewer } from '../keys/caller.js';
import { type JobFacts, presentJob, type ShownJob } from './job.js';

/** What kind of change an event tells of: of the job's state, or of anything else that a client can see. */
export type EventKind = 'state' | 'progress';

/** A job as it was after a change. */
export type JobEvent = ShownJob & { readonly kind: EventKind };

/** An event with the id that orders those of one tenant. */
export type TenantEvent = JobEvent & { readonly eventId: number };

/** A job that somebody follows and that is no more. */
export interface GoneJob {
  readonly id: null;
  readonly followedId: string;
}

/** Who is told of events. */
export interface EventSink {
  /** Whether nobody takes anything any more. */
  readonly closed: boolean;
  /** Sends text, or cuts off whoever does not read it. */
  write(text: string | Buffer): void;
  /** Resolves when what was written has been taken, or nobody takes it any more. */
  drained(): Promise<void>;
  end(): void;
}

/** How soon events are looked for, in ms: what happens at about the same time is read together. */
export const LOOK_SOON_MS = 5;
/** The queue can tell of a change a moment before its row is committed. */
export const LOOK_AGAIN_MS = 100;
/** Longest without looking: what the queue tells can be lost, and some changes it does not know of. */
export const LOOK_EVERY_MS = 1_000;

/** What an event keeps; the rest of its job does not change. */
const keptColumns = [
  'kind',
  'version',
  'state',
  'progress',
  'attemptsMade',
  'startedAt',
  'finishedAt',
  'result',
  'error',
] as const satisfies (keyof JobEvent)[];

const jobColumns = [
  'id',
  'tenantId',
  'type',
  'priority',
  'attemptsMax',
  'imageId',
  'parentId',
  'runAt',
  'createdAt',
  ...jobAuditColumns,
] as const satisfies (keyof JobFacts | 'type')[];

const eventColumns = [
  ...keptColumns.map((column) => `jobEvents.${column}`),
  ...jobColumns.map((column) => `jobs.${column}`),
];

/** Sends an event as `text/event-stream` has it. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function eventText(id: string | number, kind: EventKind, job: ShownJob, viewer: Viewer): string {
  const data = JSON.stringify({ ...presentJob(job), ...jobAudit(viewer, job) });
  return `id: ${id}\nevent: ${kind}\ndata: ${data}\n\n`;
}

/**
 * What became of some jobs, each in order. The row's lock makes the changes of one job wait for each other,
 * so that whoever sees a version sees those before it.
 *
 * @param versions by the id of a job: the version after which its events are read
 */
export async function eventsOfJobs(
  sql: Executor,
  versions: Readonly<Record<string, number>>,
): Promise<(JobEvent | GoneJob)[]> {
  return sql<(JobEvent | GoneJob)[]>`
    select followed.id as followed_id, ${sql(eventColumns)}
    from unnest(${uuids(Object.keys(versions))}::uuid[]) as followed (id)
    left join jobs on jobs.id = followed.id
    left join job_events on job_events.job_id = jobs.id
      and job_events.version > (${jsonb(sql, versions)} ->> followed.id::text)::integer
    where jobs.id is null or job_events.id is not null
    order by job_events.id`;
}

/** Which transactions are seen now, as text. */
export async function currentSnapshot(sql: Executor): Promise<string> {
  const [row] = await sql<{ snapshot: string }[]>`select pg_current_snapshot()::text as snapshot`;
  if (!row) throw new Error('a query for one value returned no row');
  return row.snapshot;
}

/** Events of some tenants between two snapshots. */
export interface EventBatch {
  readonly tenants: readonly string[];
  /** What this snapshot saw is left out. */
  readonly from: string;
  /** What this one did not see, too. */
  readonly to: string;
  /** Events of later ids only. */
  readonly after: number;
}

/**
 * A batch of events by their ids. An id is given under the lock of the job's row: within a batch those of
 * one job are in order, and so they are from batch to batch, because a snapshot that sees a change of a job
 * sees those before it.
 */
export async function eventsBetween(
  sql: Executor,
  { tenants, from, to, after }: EventBatch,
  limit: number,
): Promise<TenantEvent[]> {
  return sql<TenantEvent[]>`
    select job_events.id as event_id, ${sql(eventColumns)}
    from job_events join jobs on jobs.id = job_events.job_id
    where job_events.tenant_id in ${sql(tenants)} and job_events.id > ${after}
      and transaction_id >= pg_snapshot_xmin(${from}::pg_snapshot)
      and transaction_id < pg_snapshot_xmax(${to}::pg_snapshot)
      and not pg_visible_in_snapshot(transaction_id, ${from}::pg_snapshot)
      and pg_visible_in_snapshot(transaction_id, ${to}::pg_snapshot)
    order by job_events.id limit ${limit}`;
}

const REMOVED_AT_ONCE = 5_000;
/** An event is as old as its transaction, which may have taken a while to commit. */
const KEPT_LONGER_MINUTES = 1;

/** Removes the events that are older than so many minutes; returns how many. */
export async function removeOldEvents(database: Database, minutes: number): Promise<number> {
  for (let removed = 0; ; ) {
    const { count } = await database.query(
      'jobEvents.removeOld',
      (sql) => sql`
        delete from job_events where (transaction_id, id) in (
          select transaction_id, id from job_events
          where created_at < now() - make_interval(mins => ${minutes + KEPT_LONGER_MINUTES})
          limit ${REMOVED_AT_ONCE})`,
    );
    removed += count;
    if (count < REMOVED_AT_ONCE) return removed;
  }
}
