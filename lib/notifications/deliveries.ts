import { Type } from 'typebox';
import { type Executor, jsonb } from '../database/client.js';
import { newId } from '../ids.js';
import type { JobRow } from '../jobs/job.js';
import { jobColumns } from '../jobs/repository.js';
import { jobStates } from '../jobs/state.js';
import { createdFilters } from '../lists/created-filters.js';
import type { ListedDataset } from '../lists/list.js';
import { GIVE_UP_MS, MAX_ATTEMPTS } from './backoff.js';
import type { DeliveryRow } from './delivery-row.js';
import { DeliverySchema } from './delivery-schema.js';
import { eventTypes } from './event-types.js';

const columns = [
  'id',
  'tenantId',
  'webhookId',
  'mail',
  'type',
  'payload',
  'state',
  'attempts',
  'lastStatus',
  'lastError',
  'response',
  'lastAttemptAt',
  'nextAttemptAt',
  'giveUpAt',
  'createdAt',
] as const satisfies (keyof DeliveryRow)[];

/** Deliveries as lists see them. */
export const deliveryList: ListedDataset<DeliveryRow> = {
  name: 'deliveries',
  table: 'delivery_states',
  schema: DeliverySchema,
  columns: {
    id: ['id'],
    webhookId: ['webhookId'],
    jobId: ['id'],
    type: ['type'],
    state: ['state'],
    attempts: ['attempts'],
    lastStatus: ['lastStatus'],
    lastError: ['lastError'],
    response: ['response'],
    lastAttemptAt: ['lastAttemptAt'],
    nextAttemptAt: ['nextAttemptAt'],
    createdAt: ['createdAt'],
  },
  filters: {
    state: { column: 'state', type: 'text', operator: '=', schema: Type.Enum([...jobStates]) },
    type: { column: 'type', type: 'text', operator: '=', schema: Type.Enum([...eventTypes]) },
    ...createdFilters,
  },
};

/** What is to be delivered: to a webhook, or by e-mail. */
export type NewDelivery = Pick<DeliveryRow, 'tenantId' | 'type' | 'payload'> &
  (
    | { readonly webhookId: string; readonly mail?: undefined }
    | { readonly webhookId?: undefined; readonly mail: DeliveryRow['mail'] & object }
  );

/** What the job of a delivery has beside it: who caused it, and the batch whose step it is. */
export type DeliveryOrigin = Pick<JobRow, 'requestId' | 'traceparent'> & {
  readonly stepOf?: string;
  /** From 0. */
  readonly step?: number;
};

/** A delivery, and where it comes from. */
export interface PlannedDelivery {
  readonly delivery: NewDelivery;
  readonly origin: DeliveryOrigin;
}

// A statement has 65,535 parameters at most, and one that is long holds up the others.
const ROWS_A_STATEMENT = 500;

/**
 * Records deliveries with their jobs.
 *
 * @returns the jobs, in the same order, to be dispatched once the transaction is committed
 */
export async function insertDeliveries(
  sql: Executor,
  planned: readonly PlannedDelivery[],
): Promise<JobRow[]> {
  const jobs: JobRow[] = [];
  for (let from = 0; from < planned.length; from += ROWS_A_STATEMENT) {
    const chunk = planned.slice(from, from + ROWS_A_STATEMENT).map((each) => ({ ...each, id: newId() }));
    const rows = chunk.map(({ id, delivery, origin }) => newJobRow(sql, id, delivery, origin));
    jobs.push(...(await sql<JobRow[]>`insert into jobs ${sql(rows)} returning ${sql(jobColumns)}`));
    const giveUpAt = new Date(Date.now() + GIVE_UP_MS);
    const deliveries = chunk.map(({ id, delivery: { tenantId, type, payload, webhookId, mail } }) => ({
      id,
      tenantId,
      type,
      payload,
      giveUpAt,
      webhookId: webhookId ?? null,
      mail: mail ? jsonb(sql, mail) : null,
    }));
    await sql`insert into deliveries ${sql(deliveries)}`;
  }
  return jobs;
}

/** Records one delivery with its job; see {@link insertDeliveries}. */
export async function insertDelivery(
  sql: Executor,
  delivery: NewDelivery,
  origin: DeliveryOrigin,
): Promise<JobRow> {
  const [job] = await insertDeliveries(sql, [{ delivery, origin }]);
  if (!job) throw new Error('an insert returned no row');
  return job;
}

/** Every row has the same columns: they are written by one statement. */
function newJobRow(
  sql: Executor,
  id: string,
  { tenantId }: NewDelivery,
  { requestId, traceparent, stepOf, step }: DeliveryOrigin,
) {
  return {
    id,
    tenantId,
    requestId,
    traceparent,
    stepOf: stepOf ?? null,
    step: step ?? null,
    type: 'notify' satisfies JobRow['type'],
    state: 'queued' satisfies JobRow['state'],
    priority: 'normal' satisfies JobRow['priority'],
    attemptsMax: MAX_ATTEMPTS,
    request: jsonb(sql, { deliveryId: id }),
  };
}

/** One delivery, or undefined: its webhook was deleted. */
export async function findDelivery(sql: Executor, id: string): Promise<DeliveryRow | undefined> {
  const [row] = await sql<DeliveryRow[]>`
    select ${sql(columns)} from delivery_states where id = ${id}`;
  return row;
}

/** One delivery of one webhook, or undefined. */
export async function findDeliveryOf(
  sql: Executor,
  webhookId: string,
  id: string,
): Promise<DeliveryRow | undefined> {
  const [row] = await sql<DeliveryRow[]>`
    select ${sql(columns)} from delivery_states where id = ${id} and webhook_id = ${webhookId}`;
  return row;
}
