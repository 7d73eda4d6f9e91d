import type { Executor } from '../database/client.js';
import { presentExport } from '../exports/export.js';
import { findExport } from '../exports/repository.js';
import { presentImage } from '../images/image.js';
import { type JobRow, presentJob } from '../jobs/job.js';
import type { WebhookRow } from '../webhooks/webhook.js';
import {
  type DeliveryOrigin,
  insertDeliveries,
  type NewDelivery,
  type PlannedDelivery,
} from './deliveries.js';
import type { NotifiedEvent } from './event.js';
import { EVERY_EVENT, type EventType } from './event-types.js';
import { jobEndText, type MailText } from './mail-text.js';
import type { NotifyOptions } from './notify-options.js';
import { type Recorded, recordedOf, type Snapshot } from './snapshot.js';

/** A row of the outbox. */
interface OutboxRow {
  readonly tenantId: string;
  readonly kind: Recorded['kind'];
  readonly subject: Snapshot;
  readonly createdAt: Date;
}

type Subscriber = Pick<WebhookRow, 'id' | 'tenantId' | 'events'>;

/** What is to be told of one change. The last event says most. */
interface Told {
  readonly events: readonly NotifiedEvent[];
  readonly origin: DeliveryOrigin;
  /** Whom its job names, and what they read. */
  readonly named?: NotifyOptions & { readonly text: MailText };
}

/**
 * Turns what has happened into deliveries, in the transaction `sql`: of two processes that do so at once
 * each takes other rows, and a row is gone when its deliveries are recorded.
 *
 * @returns how many rows were taken, and the jobs to dispatch once the transaction is committed
 */
export async function emptyOutbox(
  sql: Executor,
  limit: number,
): Promise<{ readonly taken: number; readonly jobs: readonly JobRow[] }> {
  const rows = await sql<OutboxRow[]>`
    with taken as (
      delete from outbox where id in (select id from outbox order by id limit ${limit} for update skip locked)
      returning id, tenant_id, kind, subject, created_at
    )
    select tenant_id, kind, subject, created_at from taken order by id`;
  if (rows.length === 0) return { taken: 0, jobs: [] };
  const tenants = [...new Set(rows.map(({ tenantId }) => tenantId))];
  // Held until the deliveries are recorded: they belong to a webhook that there is.
  const subscribers = await sql<Subscriber[]>`
    select id, tenant_id, events from webhooks where enabled and tenant_id in ${sql(tenants)} for key share`;
  const planned: PlannedDelivery[] = [];
  for (const row of rows) {
    const told = await toldOf(sql, row);
    const own = subscribers.filter(({ tenantId }) => tenantId === row.tenantId);
    for (const delivery of deliveriesOf(row.tenantId, told, own))
      planned.push({ delivery, origin: told.origin });
  }
  return { taken: rows.length, jobs: await insertDeliveries(sql, planned) };
}

/** What there is to tell of a row. */
async function toldOf(sql: Executor, { tenantId, kind, subject, createdAt }: OutboxRow): Promise<Told> {
  const recorded = recordedOf(kind, subject);
  const timestamp = createdAt.toISOString();
  if (recorded.kind === 'job') return toldOfJob(sql, tenantId, recorded, timestamp);
  const event = { type: recorded.kind, timestamp, data: presentImage(recorded.image) };
  return { events: [event], origin: { requestId: null, traceparent: null } };
}

async function toldOfJob(
  sql: Executor,
  tenantId: string,
  { job, notify }: Extract<Recorded, { kind: 'job' }>,
  timestamp: string,
): Promise<Told> {
  const { requestId, traceparent } = job;
  const data = presentJob(job);
  // Undefined too where the export has been deleted since.
  const made =
    job.type === 'export' && job.state === 'completed'
      ? await findExport(sql, tenantId, job.request.exportId)
      : undefined;
  const shown = made && presentExport(made);
  return {
    events: [
      ...endOf(job.state).map((type) => ({ type, timestamp, data })),
      ...(shown ? [{ type: 'export.completed', timestamp, data: shown } as const] : []),
      ...(job.type === 'batch' && job.state === 'completed'
        ? [{ type: 'batch.completed', timestamp, data } as const]
        : []),
    ],
    origin: { requestId, traceparent },
    ...(notify && { named: { ...notify, text: jobEndText(data, shown) } }),
  };
}

/** The event of an end; none of what is no end, which no trigger records. */
function endOf(state: JobRow['state']): EventType[] {
  return state === 'queued' || state === 'active' ? [] : [`job.${state}`];
}

function deliveriesOf(
  tenantId: string,
  { events, named }: Told,
  subscribers: readonly Subscriber[],
): NewDelivery[] {
  const main = events.at(-1);
  const deliveries: NewDelivery[] = [];
  for (const event of events) {
    const payload = JSON.stringify(event);
    for (const { id, events: wanted } of subscribers) {
      // Whom the job itself names is told once, of what says most.
      const isNamed = id === named?.webhookId && event === main;
      if (isNamed || wants(wanted, event.type))
        deliveries.push({ tenantId, type: event.type, payload, webhookId: id });
    }
  }
  if (named?.email && main) {
    const { subject, text } = named.text;
    deliveries.push({ tenantId, type: main.type, payload: text, mail: { to: named.email, subject } });
  }
  return deliveries;
}

function wants(events: Subscriber['events'], type: EventType): boolean {
  return events.some((wanted) => wanted === EVERY_EVENT || wanted === type);
}
