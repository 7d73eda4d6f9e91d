import { Type } from 'typebox';
import { type Executor, jsonb } from '../database/client.js';
import { createdFilters } from '../lists/created-filters.js';
import type { ListedDataset } from '../lists/list.js';
import { WebhookSchema } from './schema.js';
import { newSecret } from './secret.js';
import type { WebhookRow } from './webhook.js';

const columns = [
  'id',
  'tenantId',
  'url',
  'events',
  'enabled',
  'disabledReason',
  'failingSince',
  'previousSecretUntil',
  'createdAt',
] as const satisfies (keyof WebhookRow)[];

/** How long the secret before a rotation stays good, so that receivers can be changed one by one. */
const ROTATION_HOURS = 24;

/** Webhooks as lists see them. */
export const webhookList: ListedDataset<WebhookRow> = {
  name: 'webhooks',
  table: 'webhooks',
  schema: WebhookSchema,
  columns: {
    id: ['id'],
    url: ['url'],
    events: ['events'],
    enabled: ['enabled'],
    disabledReason: ['disabledReason'],
    failingSince: ['failingSince'],
    previousSecretUntil: ['previousSecretUntil'],
    createdAt: ['createdAt'],
    links: ['id'],
  },
  filters: {
    enabled: { column: 'enabled', type: 'boolean', operator: '=', schema: Type.Boolean() },
    ...createdFilters,
  },
};

/** What a webhook's owner sets. */
export type WebhookSettings = Pick<WebhookRow, 'url' | 'events' | 'enabled'>;

/** A webhook with the secret that its owner is shown this once. */
export interface ShownOnce {
  readonly row: WebhookRow;
  readonly secret: string;
}

/** Records a webhook with a secret of its own. */
export async function insertWebhook(
  sql: Executor,
  id: string,
  tenantId: string,
  { url, events, enabled }: WebhookSettings,
): Promise<ShownOnce> {
  const secret = newSecret();
  const values = { id, tenantId, url, events: jsonb(sql, events), enabled, secret };
  const [row] = await sql<WebhookRow[]>`insert into webhooks ${sql(values)} returning ${sql(columns)}`;
  if (!row) throw new Error('an insert returned no row');
  return { row, secret };
}

/** One webhook of a tenant, or undefined. */
export async function findWebhook(
  sql: Executor,
  tenantId: string,
  id: string,
): Promise<WebhookRow | undefined> {
  const [row] = await sql<WebhookRow[]>`
    select ${sql(columns)} from webhooks where id = ${id} and tenant_id = ${tenantId}`;
  return row;
}

/**
 * Changes what its owner sets. Another URL, or switching it on, gives it a new start.
 *
 * @returns undefined when there is none of that id
 */
export async function updateWebhook(
  sql: Executor,
  tenantId: string,
  id: string,
  change: Partial<WebhookSettings>,
): Promise<WebhookRow | undefined> {
  const { events, ...plain } = change;
  const values = { ...plain, ...(events && { events: jsonb(sql, events) }) };
  const startsAgain = change.url !== undefined || change.enabled !== undefined;
  const [row] = await sql<WebhookRow[]>`
    update webhooks set ${sql(values)}, updated_at = now()
      ${startsAgain ? sql`, failing_since = null, disabled_reason = null` : sql``}
    where id = ${id} and tenant_id = ${tenantId} returning ${sql(columns)}`;
  return row;
}

/** Gives a webhook a new secret; the one before stays good for a day. Undefined: there is none of that id. */
export async function rotateSecret(
  sql: Executor,
  tenantId: string,
  id: string,
): Promise<ShownOnce | undefined> {
  const secret = newSecret();
  const [row] = await sql<WebhookRow[]>`
    update webhooks set secret = ${secret}, previous_secret = secret,
      previous_secret_until = now() + make_interval(hours => ${ROTATION_HOURS}), updated_at = now()
    where id = ${id} and tenant_id = ${tenantId} returning ${sql(columns)}`;
  return row && { row, secret };
}

/**
 * Removes a webhook with its deliveries, in a transaction; what is under way is cancelled first.
 *
 * @returns false when there is none of that id
 */
export async function deleteWebhook(sql: Executor, tenantId: string, id: string): Promise<boolean> {
  // Locked first: a delivery that is recorded meanwhile waits, and then finds no webhook.
  const [row] = await sql`
    select id from webhooks where id = ${id} and tenant_id = ${tenantId} for update`;
  if (!row) return false;
  await sql`
    update jobs set
      state = case when state = 'queued' then 'cancelled' else state end,
      finished_at = case when state = 'queued' then now() end,
      cancel_requested_at = now(), updated_at = now(), version = version + 1
    where state in ('queued', 'active') and id in (select id from deliveries where webhook_id = ${id})`;
  await sql`delete from webhooks where id = ${id}`;
  return true;
}

/** The secrets that are good now, the newest first. */
export async function findSecrets(sql: Executor, id: string): Promise<string[]> {
  const [row] = await sql<{ secret: string; previous: string | null }[]>`
    select secret, case when previous_secret_until > now() then previous_secret end as previous
    from webhooks where id = ${id}`;
  return row ? [row.secret, ...(row.previous === null ? [] : [row.previous])] : [];
}

/** Says that something has arrived. It writes only where that is news. */
export async function markWell(sql: Executor, id: string): Promise<void> {
  await sql`update webhooks set failing_since = null where id = ${id} and failing_since is not null`;
}

/**
 * Says that an attempt has failed, and switches the webhook off where all have failed for `days`.
 *
 * @returns whether it was switched off by this
 */
export async function markFailing(sql: Executor, id: string, days: number, reason: string): Promise<boolean> {
  await sql`update webhooks set failing_since = now() where id = ${id} and failing_since is null`;
  const { count } = await sql`
    update webhooks set enabled = false, disabled_reason = ${reason}, updated_at = now()
    where id = ${id} and enabled and failing_since < now() - make_interval(days => ${days})`;
  return count > 0;
}

/** Switches a webhook off. @returns whether it was on */
export async function disableWebhook(sql: Executor, id: string, reason: string): Promise<boolean> {
  const { count } = await sql`
    update webhooks set enabled = false, disabled_reason = ${reason}, updated_at = now()
    where id = ${id} and enabled`;
  return count > 0;
}
