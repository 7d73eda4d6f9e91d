import { createHash } from 'node:crypto';
import type { Executor } from '../database/client.js';
import { newId } from '../ids.js';

/** How long a claim holds that nobody renews, in seconds: so long a process that died blocks a key. */
export const LEASE_SECONDS = 30;
const KEEP_HOURS = 24;

/** How a key stands for the request that comes with it. */
export type KeyState =
  | { readonly state: 'claimed'; readonly claimId: string }
  | { readonly state: 'inFlight' }
  | { readonly state: 'answered'; readonly fingerprint: Buffer; readonly answer: Buffer };

/**
 * Claims a key of a tenant: one that is new, that has expired, or whose claim has lapsed. One statement,
 * so of any number of requests at once one has it.
 */
export async function claimKey(sql: Executor, tenantId: string, key: string): Promise<KeyState> {
  const hash = createHash('sha256').update(key).digest();
  const claimId = newId();
  const { count } = await sql`
    insert into idempotency_keys as held (tenant_id, key_sha256, claim_id, expires_at)
    values (${tenantId}, ${hash}, ${claimId}, now() + make_interval(secs => ${LEASE_SECONDS}))
    on conflict (tenant_id, key_sha256) do update
      set claim_id = excluded.claim_id, expires_at = excluded.expires_at, fingerprint = null, answer = null
      where held.expires_at <= now()`;
  if (count > 0) return { state: 'claimed', claimId };
  const [row] = await sql<{ fingerprint: Buffer | null; answer: Buffer | null }[]>`
    select fingerprint, answer from idempotency_keys where tenant_id = ${tenantId} and key_sha256 = ${hash}`;
  // Gone meanwhile, it was released: to say that it was in flight a moment ago brings the client back.
  return row?.fingerprint && row.answer
    ? { state: 'answered', fingerprint: row.fingerprint, answer: row.answer }
    : { state: 'inFlight' };
}

/** Keeps the answer to a claimed request for 24 hours. False: the claim was lost to another request. */
export async function keepAnswer(
  sql: Executor,
  claimId: string,
  fingerprint: Buffer,
  answer: Buffer,
): Promise<boolean> {
  const { count } = await sql`
    update idempotency_keys set fingerprint = ${fingerprint}, answer = ${answer},
      expires_at = now() + make_interval(hours => ${KEEP_HOURS})
    where claim_id = ${claimId} and answer is null`;
  return count > 0;
}

/** Gives a claimed key back, as if the request had not been: the next one with it is the first. */
export async function releaseKey(sql: Executor, claimId: string): Promise<void> {
  await sql`delete from idempotency_keys where claim_id = ${claimId} and answer is null`;
}

/** Renews the claims of requests that are still in flight. */
export async function renewClaims(sql: Executor, claimIds: readonly string[]): Promise<void> {
  await sql`
    update idempotency_keys set expires_at = now() + make_interval(secs => ${LEASE_SECONDS})
    where claim_id in ${sql(claimIds)} and answer is null`;
}

/** Removes keys that have expired, at most `limit` of them; returns how many. */
export async function dropExpiredKeys(sql: Executor, limit: number): Promise<number> {
  const { count } = await sql`
    delete from idempotency_keys where (tenant_id, key_sha256) in (
      select tenant_id, key_sha256 from idempotency_keys where expires_at <= now()
      order by expires_at limit ${limit} for update skip locked)`;
  return count;
}
