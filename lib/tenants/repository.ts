import type { Executor } from '../database/client.js';
import { TENANT_PATTERN } from '../keys/schema.js';
import { createdFilters } from '../lists/created-filters.js';
import type { ListedDataset } from '../lists/list.js';
import { TenantSchema } from './schema.js';
import { type Quotas, quotaNames, type TenantRow } from './tenant.js';

const columns = [
  'id',
  'createdAt',
  'maxBytes',
  'maxImages',
  'maxQueuedJobs',
  'maxMegapixelsAnHour',
  'usedBytes',
  'usedImages',
  'queuedJobs',
  'hourPixels',
] as const satisfies (keyof TenantRow)[];

const NAME = new RegExp(TENANT_PATTERN);

/** Whether there may be a tenant of this name: what its first key says. */
export function isTenantId(text: string): boolean {
  return NAME.test(text);
}

/** Tenants as lists see them. */
export const tenantList: ListedDataset<TenantRow> = {
  name: 'tenants',
  table: 'tenant_states',
  schema: TenantSchema,
  isId: isTenantId,
  columns: {
    id: ['id'],
    quotas: ['maxBytes', 'maxImages', 'maxQueuedJobs', 'maxMegapixelsAnHour'],
    usage: ['usedBytes', 'usedImages', 'queuedJobs', 'hourPixels'],
    createdAt: ['createdAt'],
  },
  filters: createdFilters,
};

/** One tenant, or undefined. What is not kept of its usage, because nothing limits it, is counted now. */
export async function findTenant(sql: Executor, id: string): Promise<TenantRow | undefined> {
  const [row] = await sql<TenantRow[]>`select ${sql(columns)} from tenant_states where id = ${id}`;
  if (!row || row.usedImages !== null) return row;
  const [counted] = await sql<Pick<TenantRow, 'usedBytes' | 'usedImages'>[]>`
    select count(*) as used_images, coalesce(sum(bytes), 0)::bigint
      + (select coalesce(sum(bytes), 0)::bigint from renditions where tenant_id = ${id}) as used_bytes
    from images where tenant_id = ${id}`;
  return { ...row, ...counted };
}

const ownColumns = {
  bytes: 'own_bytes',
  images: 'own_images',
  queuedJobs: 'own_queued_jobs',
  megapixelsAnHour: 'own_megapixels_an_hour',
} as const satisfies Record<keyof Quotas, string>;

/** A change of quotas: null is the service's default. */
export type QuotaChange = { readonly [Name in keyof Quotas]?: number | null };

/**
 * Sets quotas of a tenant in the transaction `sql`. One that had none is counted; uploads of it wait meanwhile.
 *
 * @returns false when there is no such tenant
 */
export async function setQuotas(sql: Executor, id: string, change: QuotaChange): Promise<boolean> {
  const named = quotaNames.flatMap((name) => {
    const value = change[name];
    return value === undefined ? [] : [[ownColumns[name], value] as const];
  });
  if (named.some(([, value]) => value !== null && value > 0)) await sql`select switch_on_quotas()`;
  // Held from the beginning: who is adding to it has its key, and would want more of it.
  const { count } = await sql`select from tenants where id = ${id} for update`;
  if (count === 0) return false;
  await sql`update tenants set ${sql(Object.fromEntries(named))} where id = ${id}`;
  await sql`select settle_quotas(${id})`;
  return true;
}

/** Sets what applies to tenants without quotas of their own, where that is new; in the transaction `sql`. */
export async function setDefaultQuotas(sql: Executor, quotas: Quotas): Promise<void> {
  const { bytes, images, queuedJobs, megapixelsAnHour } = quotas;
  const { count } = await sql`
    update quota_defaults set bytes = ${bytes}, images = ${images}, queued_jobs = ${queuedJobs},
      megapixels_an_hour = ${megapixelsAnHour}
    where (bytes, images, queued_jobs, megapixels_an_hour)
      is distinct from (${bytes}, ${images}, ${queuedJobs}, ${megapixelsAnHour})`;
  if (count === 0) return;
  if (quotaNames.some((name) => quotas[name] > 0)) await sql`select switch_on_quotas()`;
  await sql`select settle_quotas()`;
}

/** How many jobs of a tenant may wait; 0: any number. */
export async function queuedJobsQuota(sql: Executor, id: string): Promise<number> {
  const [row] = await sql<{ most: number }[]>`select max_queued_jobs as most from tenants where id = ${id}`;
  return row?.most ?? 0;
}
