import { Type } from 'typebox';
import type { Executor } from '../database/client.js';
import { createdFilters } from '../lists/created-filters.js';
import type { ListedDataset } from '../lists/list.js';
import type { KeyRow } from './key.js';
import { roles } from './role.js';
import { KeySchema } from './schema.js';
import { secretDigest, type Token } from './token.js';

const columns = [
  'id',
  'tenantId',
  'prefix',
  'name',
  'role',
  'previousUntil',
  'expiresAt',
  'lastUsedAt',
  'revokedAt',
  'createdAt',
] as const satisfies (keyof KeyRow)[];

/** How long the secret before a rotation stays good, so that its users can be changed one by one. */
const ROTATION_HOURS = 24;

/** Keys as lists see them. */
export const keyList: ListedDataset<KeyRow> = {
  name: 'keys',
  table: 'api_keys',
  schema: KeySchema,
  columns: {
    id: ['id'],
    prefix: ['prefix'],
    tenant: ['tenantId'],
    name: ['name'],
    role: ['role'],
    createdAt: ['createdAt'],
    expiresAt: ['expiresAt'],
    lastUsedAt: ['lastUsedAt'],
    previousSecretUntil: ['previousUntil'],
    revokedAt: ['revokedAt'],
  },
  filters: {
    tenant: {
      column: 'tenant_id',
      type: 'text',
      operator: '=',
      schema: Type.String({ description: 'Keys of this tenant' }),
    },
    role: {
      column: 'role',
      type: 'text',
      operator: '=',
      schema: Type.Enum([...roles], { description: 'Keys of this role' }),
    },
    ...createdFilters,
  },
};

/** A new key's facts. */
export type NewKey = Pick<KeyRow, 'id' | 'tenantId' | 'name' | 'role' | 'expiresAt'>;

/**
 * Records a key, and its tenant where this is its first.
 *
 * @returns undefined where the token's prefix is another key's already
 */
export async function insertKey(sql: Executor, key: NewKey, token: Token): Promise<KeyRow | undefined> {
  const values = { ...key, prefix: token.prefix, secretSha256: secretDigest(token.secret) };
  await sql`insert into tenants (id) values (${key.tenantId}) on conflict do nothing`;
  const [row] = await sql<KeyRow[]>`
    insert into api_keys ${sql(values)} on conflict (prefix) do nothing returning ${sql(columns)}`;
  return row;
}

/** Records a key whose token is set from outside, or makes the one of its prefix that key again. */
export async function putKey(sql: Executor, key: NewKey, token: Token): Promise<void> {
  const values = { ...key, prefix: token.prefix, secretSha256: secretDigest(token.secret) };
  await sql`
    insert into api_keys ${sql(values)} on conflict (prefix) do update set
      tenant_id = excluded.tenant_id, role = excluded.role, expires_at = excluded.expires_at,
      secret_sha256 = excluded.secret_sha256, previous_sha256 = null, previous_until = null, revoked_at = null`;
}

/** A key with what proves it. */
export type KeyWithDigests = Pick<
  KeyRow,
  'id' | 'tenantId' | 'role' | 'prefix' | 'expiresAt' | 'previousUntil'
> & {
  readonly secretSha256: Uint8Array;
  readonly previousSha256: Uint8Array | null;
};

/** The key that a token names, unless it was revoked. */
export async function findByPrefix(sql: Executor, prefix: string): Promise<KeyWithDigests | undefined> {
  const [row] = await sql<KeyWithDigests[]>`
    select id, tenant_id, role, prefix, expires_at, previous_until, secret_sha256, previous_sha256
    from api_keys where prefix = ${prefix} and revoked_at is null`;
  return row;
}

/** Whether there is a key already that can give out others. */
export async function hasOperatorKey(sql: Executor, tenantId: string): Promise<boolean> {
  const [row] = await sql`
    select from api_keys
    where tenant_id = ${tenantId} and role = 'admin' and revoked_at is null and (expires_at is null or expires_at > now())
    limit 1`;
  return row !== undefined;
}

/** One key of a tenant, or of any where `tenantId` is null. */
export async function findKey(
  sql: Executor,
  tenantId: string | null,
  id: string,
): Promise<KeyRow | undefined> {
  const [row] = await sql<KeyRow[]>`
    select ${sql(columns)} from api_keys where id = ${id} ${ofTenant(sql, tenantId)}`;
  return row;
}

/**
 * Gives a key that was not revoked another secret; the one before stays good for a day.
 *
 * @returns undefined when there is none of that id
 */
export async function rotateKey(
  sql: Executor,
  tenantId: string | null,
  id: string,
  secret: string,
): Promise<KeyRow | undefined> {
  const [row] = await sql<KeyRow[]>`
    update api_keys set secret_sha256 = ${secretDigest(secret)}, previous_sha256 = secret_sha256,
      previous_until = now() + make_interval(hours => ${ROTATION_HOURS})
    where id = ${id} and revoked_at is null ${ofTenant(sql, tenantId)} returning ${sql(columns)}`;
  return row;
}

/** Ends a key for good; again changes nothing. @returns false when there is none of that id */
export async function revokeKey(sql: Executor, tenantId: string | null, id: string): Promise<boolean> {
  const { count } = await sql`
    update api_keys set revoked_at = coalesce(revoked_at, now()) where id = ${id} ${ofTenant(sql, tenantId)}`;
  return count > 0;
}

/** Records when keys were last used. */
export async function recordUse(sql: Executor, uses: readonly { id: string; at: Date }[]): Promise<void> {
  const rows = uses.map(({ id, at }) => [id, at.toISOString()]);
  await sql`
    update api_keys set last_used_at = used.at::timestamptz
    from (values ${sql(rows)}) as used (id, at)
    where api_keys.id = used.id::uuid and (last_used_at is null or last_used_at < used.at::timestamptz)`;
}

function ofTenant(sql: Executor, tenantId: string | null) {
  return tenantId === null ? sql`` : sql`and tenant_id = ${tenantId}`;
}
