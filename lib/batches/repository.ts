import { type Executor, jsonb, uuids } from '../database/client.js';
import { imageDataset } from '../images/repository.js';
import type { FilterValue } from '../lists/list.js';
import { all, filterConditions } from '../lists/list.js';
import type { WantedRendition } from '../renditions/plan.js';
import type { OnFailure } from './batch.js';
import type { BatchStep } from './steps.js';

/** A batch as its row has it; its images are read in parts. */
export interface BatchRow {
  readonly id: string;
  readonly tenantId: string;
  readonly total: number;
  readonly wanted: readonly WantedRendition[];
  readonly steps: readonly BatchStep[];
  readonly onFailure: OnFailure;
  /** So many images have become members that the queue was given. */
  readonly expanded: number;
  /** Which run of its job its members and steps are of. */
  readonly run: number;
  readonly stopped: boolean;
  /** Ids of jobs, by the place of their step. */
  readonly stepJobs: Readonly<Record<string, readonly string[]>>;
}

/** What a new batch starts from. */
export type NewBatch = Pick<BatchRow, 'id' | 'tenantId' | 'wanted' | 'steps' | 'onFailure'> & {
  readonly imageIds: readonly string[];
};

/** How long a worker that makes members may say nothing before another goes on, in seconds. */
const LEASE_SECONDS = 10;

/** The ids of at most `limit` of a tenant's images that a filter matches, oldest first. */
export async function matchingImages(
  sql: Executor,
  tenantId: string,
  filter: Readonly<Record<string, FilterValue>>,
  limit: number,
): Promise<string[]> {
  const conditions = [sql`tenant_id = ${tenantId}`, ...filterConditions(sql, imageDataset, filter)];
  const rows = await sql<{ id: string }[]>`
    select id from images where ${all(sql, conditions)} order by created_at, id limit ${limit}`;
  return rows.map(({ id }) => id);
}

/** Those of the given ids that are no images of the tenant. */
export async function unknownImages(
  sql: Executor,
  tenantId: string,
  ids: readonly string[],
): Promise<Set<string>> {
  const rows = await sql<{ id: string }[]>`
    select id from unnest(${uuids(ids)}::uuid[]) as given (id)
    where not exists (select from images where images.id = given.id and images.tenant_id = ${tenantId})`;
  return new Set(rows.map(({ id }) => id));
}

/** Records a batch, in one transaction with its job. */
export async function insertBatch(sql: Executor, batch: NewBatch): Promise<void> {
  const { id, tenantId, imageIds, wanted, steps, onFailure } = batch;
  await sql`
    insert into batches (id, tenant_id, image_ids, total, wanted, steps, on_failure)
    values (${id}, ${tenantId}, ${uuids(imageIds)}::uuid[], ${imageIds.length}, ${jsonb(sql, wanted)},
      ${jsonb(sql, steps)}, ${onFailure})`;
}

/** One batch, or undefined. */
export async function findBatch(sql: Executor, id: string): Promise<BatchRow | undefined> {
  const [row] = await sql<BatchRow[]>`
    select id, tenant_id, total, wanted, steps, on_failure, expanded, run, stopped_at is not null as stopped, step_jobs
    from batches where id = ${id}`;
  return row;
}

/** What a batch wants of each of its images; undefined where it is gone. */
export async function findWanted(sql: Executor, id: string): Promise<readonly WantedRendition[] | undefined> {
  const [row] = await sql<Pick<BatchRow, 'wanted'>[]>`select wanted from batches where id = ${id}`;
  return row?.wanted;
}

/** Takes the making of members in hand; false while another has it. */
export async function takeLease(sql: Executor, id: string): Promise<boolean> {
  const { count } = await sql`
    update batches set leased_until = now() + make_interval(secs => ${LEASE_SECONDS})
    where id = ${id} and (leased_until is null or leased_until < now())`;
  return count > 0;
}

/** Lets another go on with the making of members. */
export async function endLease(sql: Executor, id: string): Promise<void> {
  await sql`update batches set leased_until = null where id = ${id}`;
}

/** Says how many images have become members that the queue was given; keeps the lease. */
export async function recordExpanded(sql: Executor, id: string, expanded: number): Promise<void> {
  await sql`
    update batches set expanded = greatest(expanded, ${expanded}),
      leased_until = now() + make_interval(secs => ${LEASE_SECONDS})
    where id = ${id}`;
}

/** Says that a failure has stopped the batch: from now on no member and no step is added. */
export async function stopBatch(sql: Executor, id: string): Promise<void> {
  await sql`update batches set stopped_at = coalesce(stopped_at, now()) where id = ${id}`;
}

/** Says that members and steps are those of this run now, and no step of it has begun. */
export async function beginRun(sql: Executor, id: string, run: number): Promise<void> {
  await sql`
    update batches set run = ${run}, stopped_at = null, step_jobs = '{}' where id = ${id} and run < ${run}`;
}
