import type { Test } from 'tap';
import { Breakers } from '../../lib/breaker/breakers.js';
import { newId } from '../../lib/ids.js';
import { Dispatcher } from '../../lib/jobs/dispatcher.js';
import type { JobRow } from '../../lib/jobs/job.js';
import { findDelivery, insertDelivery } from '../../lib/notifications/deliveries.js';
import type { DeliveryRow } from '../../lib/notifications/delivery-row.js';
import type { Subscribed } from '../../lib/notifications/event-types.js';
import { openMailer } from '../../lib/notifications/mailer.js';
import { emptyOutbox } from '../../lib/notifications/outbox.js';
import { openOutbound } from '../../lib/outbound/client.js';
import type { QueuedJob } from '../../lib/queue/queue.js';
import { insertWebhook, type ShownOnce } from '../../lib/webhooks/repository.js';
import { consume } from '../../workers/consumer.js';
import { Lanes } from '../../workers/lanes.js';
import { notifyProcessor } from '../../workers/processors/notify.js';
import { testConfig } from './config.js';
import { type LogLine, type Recorder, recordingLogger } from './events.js';
import { type JobWorld, openJobWorld, silentQueue, silentQueues, workerParts } from './jobs.js';

/** Where deliveries of a test are made: without a queue that brings them, so that the test says when. */
export interface NotifyWorld extends JobWorld {
  readonly breakers: Breakers;
  /** What the queue was given, in order. */
  readonly queued: QueuedJob[];
  readonly logged: Recorder<LogLine>;
  newWebhook(url: string, events?: readonly Subscribed[]): Promise<ShownOnce>;
  /** Records a message to a webhook. */
  newDelivery(webhookId: string, payload?: string): Promise<JobRow>;
  /** Records a message by e-mail. */
  newMail(to: readonly string[], text: string): Promise<JobRow>;
  /** Empties the outbox once. @returns the jobs that came of it */
  emptyOutbox(): Promise<readonly JobRow[]>;
  /** Brings a job as the queue would. It does not fail: what came of it stands in the rows. */
  bring(job: Pick<JobRow, 'id'>): Promise<void>;
  /** Has the time come that a job was put off to, and brings it. */
  bringAgain(job: Pick<JobRow, 'id'>): Promise<void>;
  delivery(job: Pick<JobRow, 'id'>): Promise<DeliveryRow>;
}

/** Makes a world for one test. */
export async function openNotifyWorld(
  t: Test,
  settings: Readonly<Record<string, string>> = {},
): Promise<NotifyWorld> {
  const world = await openJobWorld(t);
  const { database } = world;
  const config = testConfig({ ALLOW_PRIVATE_HOSTS: 'true', WEBHOOK_TIMEOUT_SECONDS: '1', ...settings });
  const queued: QueuedJob[] = [];
  const { log, lines: logged } = recordingLogger();
  const dispatcher = new Dispatcher({
    database,
    queues: silentQueues({ notify: silentQueue(queued) }),
    ping: async () => {},
    maxQueuedJobs: 100,
    log,
  });
  const outbound = openOutbound(config);
  const mailer = config.smtpUrl === undefined ? undefined : openMailer(config.smtpUrl, config.mailFrom);
  t.teardown(() => outbound.close());
  t.teardown(() => mailer?.close());
  const breakers = new Breakers();
  const lanes = new Lanes({ perHost: 2, perTenant: 24 });
  const parts = { ...workerParts({ database, dispatcher }), log };
  t.teardown(() => parts.cancellations.close());
  const processor = notifyProcessor({ database, dispatcher, outbound, mailer, breakers, lanes, config, log });
  const take = consume({ ...parts, processor });
  const bring = ({ id }: Pick<JobRow, 'id'>): Promise<void> =>
    take({ id, attempt: 1, isLastAttempt: false, announce: async () => {} }).catch(() => undefined);
  const origin = { requestId: null, traceparent: null };
  const tenantId = 'default';
  return {
    ...world,
    dispatcher,
    breakers,
    queued,
    logged,
    newWebhook: (url, events = ['*']) =>
      database.query('webhooks.create', (sql) =>
        insertWebhook(sql, newId(), tenantId, { url, events, enabled: true }),
      ),
    newDelivery: (webhookId, payload = '{"type":"job.completed"}') =>
      database.transaction('deliveries.create', (sql) =>
        insertDelivery(sql, { tenantId, type: 'job.completed', payload, webhookId }, origin),
      ),
    newMail: (to, text) =>
      database.transaction('deliveries.create', (sql) =>
        insertDelivery(
          sql,
          { tenantId, type: 'job.completed', payload: text, mail: { to, subject: 'It is done' } },
          origin,
        ),
      ),
    emptyOutbox: async () =>
      (await database.transaction('outbox.empty', (sql) => emptyOutbox(sql, 100))).jobs,
    bring,
    bringAgain: async ({ id }) => {
      await database.query(
        'jobs.hasten',
        (sql) => sql`update jobs set run_at = now() - interval '1 second' where id = ${id}`,
      );
      await bring({ id });
    },
    delivery: async ({ id }) => {
      const row = await database.query('deliveries.find', (sql) => findDelivery(sql, id));
      if (!row) throw new Error('the delivery is gone');
      return row;
    },
  };
}
