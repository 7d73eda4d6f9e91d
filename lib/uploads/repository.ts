import { type Executor, jsonb } from '../database/client.js';
import type { ProblemJson } from '../errors.js';
import type { UploadRow } from './upload.js';

/** Columns of an {@link UploadRow}. */
export const uploadColumns = [
  'id',
  'tenantId',
  'size',
  'offset',
  'metadata',
  'imageId',
  'jobId',
  'error',
  'expiresAt',
] as const satisfies (keyof UploadRow)[];

/** What a new upload is made of. */
export type NewUpload = Pick<UploadRow, 'id' | 'tenantId' | 'size' | 'metadata'>;

/**
 * Records a new upload; it is locked from the first.
 *
 * @param token the lock's
 * @param leaseMs how long the lock lasts when it is not renewed
 */
export async function insertUpload(
  sql: Executor,
  upload: NewUpload,
  ttlHours: number,
  { token, leaseMs }: { readonly token: string; readonly leaseMs: number },
): Promise<UploadRow> {
  const { id, tenantId, size, metadata } = upload;
  const [row] = await sql<UploadRow[]>`
    insert into uploads (id, tenant_id, size, metadata, expires_at, lock_token, locked_until)
    values (${id}, ${tenantId}, ${size}, ${metadata}, now() + make_interval(hours => ${ttlHours}), ${token},
      now() + make_interval(secs => ${leaseMs / 1000}))
    returning ${sql(uploadColumns)}`;
  if (!row) throw new Error('an insert returned no row');
  return row;
}

/** One upload of a tenant, or undefined. */
export async function findUpload(
  sql: Executor,
  tenantId: string,
  id: string,
): Promise<UploadRow | undefined> {
  const [row] = await sql<UploadRow[]>`
    select ${sql(uploadColumns)} from uploads where id = ${id} and tenant_id = ${tenantId}`;
  return row;
}

/**
 * Says how far the bytes are safe.
 *
 * @param isLast whether the lock is let go with it
 * @returns false when the lock is somebody else's by now
 */
export async function recordOffset(
  sql: Executor,
  { id, token }: { readonly id: string; readonly token: string },
  offset: number,
  isLast: boolean,
): Promise<boolean> {
  const { count } = await sql`
    update uploads set "offset" = ${offset}${isLast ? sql`, lock_token = null, locked_until = null, release_wanted = false` : sql``}
    where id = ${id} and lock_token = ${token}`;
  return count > 0;
}

/** Says which image an upload became, and lets its lock go. @returns false when that is somebody else's by now */
export async function recordImage(
  sql: Executor,
  id: string,
  token: string,
  made: Pick<UploadRow, 'imageId' | 'jobId'>,
): Promise<boolean> {
  const { count } = await sql`
    update uploads set "offset" = size, image_id = ${made.imageId}, job_id = ${made.jobId},
      lock_token = null, locked_until = null, release_wanted = false
    where id = ${id} and lock_token = ${token} and image_id is null`;
  return count > 0;
}

/** Says why an upload becomes no image, for good. */
export async function recordError(
  sql: Executor,
  id: string,
  token: string,
  error: ProblemJson,
): Promise<void> {
  await sql`
    update uploads set error = ${jsonb(sql, error)}
    where id = ${id} and lock_token = ${token} and image_id is null`;
}

/** Removes an upload; its file goes before. */
export async function deleteUpload(sql: Executor, id: string): Promise<void> {
  await sql`delete from uploads where id = ${id}`;
}

/** Uploads that have expired, that nobody writes, and whose files may still be there. */
export async function expiredUploads(sql: Executor, limit: number): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from uploads
    where expires_at < now() and not swept and (locked_until is null or locked_until < now())
    order by expires_at limit ${limit}`;
  return rows.map(({ id }) => id);
}

/** Says that the file of an expired upload has been removed. */
export async function markSwept(sql: Executor, id: string): Promise<void> {
  await sql`update uploads set swept = true where id = ${id}`;
}

/** Forgets uploads that expired so many hours ago: until then who asks for one is told so. */
export async function forgetUploads(sql: Executor, hours: number): Promise<void> {
  await sql`delete from uploads where swept and expires_at < now() - make_interval(hours => ${hours})`;
}
