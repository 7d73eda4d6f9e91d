import { type Executor, jsonb, uuids } from '../database/client.js';
import type { ProblemJson } from '../errors.js';
import type { ResizeRequest, ResizeResult } from '../jobs/job.js';
import { endsNow } from '../jobs/moments.js';
import type { SourceFacts } from '../renditions/source-facts.js';

/** An image of a batch: what a plan has to know of it, or that it is gone. */
export type BatchImage = { readonly imageId: string } & (
  | ({ readonly sha256: string } & SourceFacts)
  | { readonly sha256: null }
);

/** A member before it has a row. */
export interface NewMember {
  readonly id: string;
  readonly imageId: string;
  /** Where there is nothing to do: how it ends. */
  readonly end?: MemberEnd;
}

/** How a member ends without having run. */
export type MemberEnd =
  | { readonly state: 'completed'; readonly result: ResizeResult }
  | { readonly state: 'failed'; readonly error: ProblemJson };

/** The images of a batch from one place up to another, in their order; those that are gone too. */
export async function imagesOf(
  sql: Executor,
  batchId: string,
  from: number,
  to: number,
): Promise<BatchImage[]> {
  return sql<BatchImage[]>`
    select wanted.id as image_id, sha256, content_type, width, height, orientation, has_alpha, pages
    from batches
      cross join lateral unnest(image_ids[${from + 1}::int : ${to}::int]) with ordinality as wanted (id, place)
      left join images on images.id = wanted.id and images.tenant_id = batches.tenant_id
    where batches.id = ${batchId} order by place`;
}

/** Of members that can never be made: nothing is left to ask for. */
const NOTHING: ResizeRequest = { renditions: [] };

/**
 * Records members as queued; those that are there already (the making of them was cut off) stay as they are.
 * The row of the batch's job is locked meanwhile: whoever cancels it finds all of its members.
 *
 * @returns false when the batch takes no more: it has ended, is to be cancelled, or was stopped
 */
export async function insertMembers(
  sql: Executor,
  batchId: string,
  members: readonly NewMember[],
): Promise<boolean> {
  const ids = members.map(({ id }) => id);
  const images = members.map(({ imageId }) => imageId);
  const [taken] = await sql<{ count: number }[]>`
    with parent as (
      ${goingBatch(sql, batchId)}
    ), added as (
      insert into jobs
        (id, tenant_id, type, state, priority, attempts_max, image_id, parent_id, request, request_id, traceparent)
      select member.id, parent.tenant_id, 'resize', 'queued', parent.priority, parent.attempts_max, member.image,
        parent.id, '{}', parent.request_id, parent.traceparent
      from parent cross join unnest(${uuids(ids)}::uuid[], ${uuids(images)}::uuid[]) as member (id, image)
      on conflict (id) do nothing
    )
    select count(*) as count from parent`;
  return taken !== undefined && taken.count > 0;
}

/**
 * The job of a batch that goes on, locked so that nobody cancels it until the transaction ends. A stop does not
 * wait for that: whoever stops a batch looks again until nothing of it waits.
 */
export function goingBatch(sql: Executor, id: string) {
  return sql`
    select jobs.* from jobs join batches on batches.id = jobs.id
    where jobs.id = ${id} and jobs.state in ('queued', 'active') and cancel_requested_at is null and stopped_at is null
    for share of jobs`;
}

/** Ends members that have nothing to do. */
export async function endMembers(sql: Executor, members: readonly NewMember[]): Promise<void> {
  const rows = members.flatMap(({ id, end }) => (end ? [{ id, ...end }] : []));
  await sql`
    update jobs set state = ended.state, progress = case ended.state when 'completed' then 100 else 0 end,
      request = case ended.state when 'failed' then ${jsonb(sql, NOTHING)} else request end,
      result = ended.result, error = ended.error, finished_at = ${endsNow(sql)}, updated_at = now(), version = version + 1
    from jsonb_to_recordset(${jsonb(sql, rows)}) as ended (id uuid, state text, result jsonb, error jsonb)
    where jobs.id = ended.id and jobs.state = 'queued'`;
}

/** How the members of a batch that have rows stand. */
export interface RecordedCounts {
  readonly recorded: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** Counts the members of a batch. */
export async function countMembers(sql: Executor, parentId: string): Promise<RecordedCounts> {
  const [counts] = await sql<RecordedCounts[]>`
    select count(*) as recorded, count(*) filter (where state = 'completed') as completed,
      count(*) filter (where state = 'failed') as failed, count(*) filter (where state = 'cancelled') as cancelled
    from jobs where parent_id = ${parentId}`;
  if (!counts) throw new Error('a count returned no row');
  return counts;
}
