import { createHash } from 'node:crypto';
import type { Executor } from '../database/client.js';
import type { Validators } from './validators.js';

/** A tenant's URL, as its row is found. */
export interface SourceKey {
  readonly tenantId: string;
  readonly url: string;
}

/** What is known of a URL. */
export interface KnownSource {
  /** Null: it was never fetched, or its image was deleted. */
  readonly imageId: string | null;
  readonly fetchedAt: Date | null;
  readonly answeredBy: string | null;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** How long a lease lasts that is not renewed, in seconds. */
const LEASE_SECONDS = 6;
/** How often a lease is to be renewed, in ms. */
export const RENEW_MS = 2_000;

/**
 * Takes a URL in hand, if nobody has it: in no other process and by no other job.
 *
 * @param holder an id of the taker's own
 * @returns what is known of it; undefined: another has it
 */
export async function takeLease(
  sql: Executor,
  { tenantId, url }: SourceKey,
  holder: string,
): Promise<KnownSource | undefined> {
  const [row] = await sql<KnownSource[]>`
    insert into image_sources (tenant_id, url_digest, url, leased_by, leased_until)
    values (${tenantId}, ${digestOf(url)}, ${url}, ${holder}, ${leaseEnd(sql)})
    on conflict (tenant_id, url_digest) do update
      set leased_by = excluded.leased_by, leased_until = excluded.leased_until
      where image_sources.leased_until is null or image_sources.leased_until < now()
    returning image_id, fetched_at, answered_by, etag, last_modified`;
  return row;
}

/** Says that the holder is still at work. */
export async function renewLease(sql: Executor, key: SourceKey, holder: string): Promise<void> {
  await sql`update image_sources set leased_until = ${leaseEnd(sql)} where ${isHeld(sql, key, holder)}`;
}

/** Gives a URL back that was not fetched; what was never fetched is forgotten. */
export async function releaseLease(sql: Executor, key: SourceKey, holder: string): Promise<void> {
  await sql`
    with forgotten as (
      delete from image_sources where ${isHeld(sql, key, holder)} and image_id is null
    )
    update image_sources set leased_by = null, leased_until = null
    where ${isHeld(sql, key, holder)} and image_id is not null`;
}

/** Says which image a URL gave just now, and gives it back. */
export async function recordFetched(
  sql: Executor,
  { tenantId, url }: SourceKey,
  imageId: string,
  { answeredBy, etag, lastModified }: Validators,
): Promise<void> {
  // Its row may have gone with the image that it gave before.
  await sql`
    insert into image_sources
      (tenant_id, url_digest, url, image_id, fetched_at, answered_by, etag, last_modified)
    values (${tenantId}, ${digestOf(url)}, ${url}, ${imageId}, now(), ${answeredBy}, ${etag}, ${lastModified})
    on conflict (tenant_id, url_digest) do update set
      image_id = excluded.image_id, fetched_at = excluded.fetched_at, answered_by = excluded.answered_by,
      etag = excluded.etag, last_modified = excluded.last_modified, leased_by = null, leased_until = null`;
}

/** Says that a URL was found unchanged just now, and gives it back. */
export async function recordUnchanged(sql: Executor, key: SourceKey, holder: string): Promise<void> {
  await sql`
    update image_sources set fetched_at = now(), leased_by = null, leased_until = null
    where ${isHeld(sql, key, holder)}`;
}

/** Forgets URLs that were never fetched, and whose takers have died. */
export async function forgetAbandoned(sql: Executor): Promise<number> {
  const { count } = await sql`
    delete from image_sources where image_id is null and leased_until < now() - interval '1 minute'`;
  return count;
}

/** Says which image a job has got; false when the job has ended or is to be cancelled. */
export async function setJobImage(sql: Executor, jobId: string, imageId: string): Promise<boolean> {
  const { count } = await sql`
    update jobs set image_id = ${imageId}, updated_at = now(), version = version + 1
    where id = ${jobId} and state in ('queued', 'active') and cancel_requested_at is null`;
  return count > 0;
}

function isHeld(sql: Executor, { tenantId, url }: SourceKey, holder: string) {
  return sql`tenant_id = ${tenantId} and url_digest = ${digestOf(url)} and leased_by = ${holder}`;
}

function leaseEnd(sql: Executor) {
  return sql`now() + make_interval(secs => ${LEASE_SECONDS})`;
}

function digestOf(url: string): string {
  return createHash('sha256').update(url).digest('base64url');
}
