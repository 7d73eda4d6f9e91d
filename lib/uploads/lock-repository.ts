import type { Executor } from '../database/client.js';
import { uploadColumns } from './repository.js';
import type { UploadRow } from './upload.js';

/** What came of asking for a lock: the upload where it was taken. */
export type Taken = UploadRow | 'held' | 'missing';

/**
 * Takes the lock of an upload if nobody has it, or asks whoever has it to let it go.
 *
 * @param leaseMs how long it lasts when it is not renewed
 * @returns `missing` when the tenant has no such upload
 */
export async function takeLock(
  sql: Executor,
  upload: { readonly tenantId: string; readonly id: string },
  token: string,
  leaseMs: number,
): Promise<Taken> {
  const held = sql`coalesce(locked_until >= now(), false)`;
  // A lock that a crash of the database takes away hurts nobody: not to wait for the disk halves what it costs.
  const [row] = await sql<(UploadRow & { isTaken: boolean })[]>`
    with unsynced as materialized (select set_config('synchronous_commit', 'off', true))
    update uploads set
      release_wanted = ${held},
      lock_token = case when ${held} then lock_token else ${token} end,
      locked_until = case when ${held} then locked_until else now() + make_interval(secs => ${leaseMs / 1000}) end
    from unsynced
    where id = ${upload.id} and tenant_id = ${upload.tenantId}
    returning ${sql(uploadColumns)}, lock_token = ${token} as is_taken`;
  if (!row) return 'missing';
  const { isTaken, ...found } = row;
  return isTaken ? found : 'held';
}

/** A lock that was renewed, and whether somebody waits for it. */
export interface RenewedLock {
  readonly token: string;
  readonly releaseWanted: boolean;
}

/** Renews locks. @returns those that are still their holder's */
export async function renewLocks(
  sql: Executor,
  tokens: readonly string[],
  leaseMs: number,
): Promise<readonly RenewedLock[]> {
  return sql<RenewedLock[]>`
    update uploads set locked_until = now() + make_interval(secs => ${leaseMs / 1000})
    where lock_token in ${sql(tokens)} returning lock_token as token, release_wanted`;
}

/** Lets a lock go. */
export async function dropLock(sql: Executor, id: string, token: string): Promise<void> {
  await sql`
    update uploads set lock_token = null, locked_until = null, release_wanted = false
    where id = ${id} and lock_token = ${token}`;
}
