import type { Test } from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import type { Job } from '../../lib/jobs/job.js';
import type { Delivery } from '../../lib/notifications/delivery-row.js';
import type { Schedule } from '../../lib/schedules/schedule.js';
import type { Webhook } from '../../lib/webhooks/webhook.js';
import { ended, type ListBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { follow } from '../helpers/event-stream.js';
import { eventually } from '../helpers/events.js';
import { noise, picture } from '../helpers/pictures.js';
import { startReceiver } from '../helpers/receiver.js';
import { type ServiceOptions, startService } from '../helpers/service.js';

/** Three APIs and two workers on one database and one queue. */
export async function severalProcesses(t: Test, options: ServiceOptions): Promise<void> {
  // Five processes that do everything for the first time share the machine with those of another test.
  const env = { ALLOW_PRIVATE_HOSTS: 'true', STATEMENT_TIMEOUT_MS: '10000' };
  const first = await startService(t, { ...options, env });
  const together = { ...options, databaseUrl: first.databaseUrl, dataDir: first.dataDir };
  const [second, third] = await Promise.all(
    ['api', 'api', 'worker'].map((ROLE) => startService(t, { ...together, env: { ...env, ROLE } })),
  );
  if (!second || !third) throw new Error('they did not start');
  const services = [first, second, third];
  const apis = await Promise.all(services.map(({ url }) => openApi(url)));
  const [api] = apis;
  if (!api) throw new Error('there is no API');

  await t.test('every event reaches a client of any API', async (t) => {
    const streams = await Promise.all(services.map(({ url }) => follow(t, url, '/v1/jobs/events')));
    const jobs = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const asked = apis[index % apis.length] ?? api;
        return (await upload(asked, await picture(), { presets: ['thumbnail'] })).body.job;
      }),
    );
    const wanted = jobs.flatMap(({ id }) =>
      ['queued', 'active', 'completed'].map((state) => `${id} ${state}`),
    );
    for (const { events } of streams) {
      const states = (items: typeof events.items): string[] =>
        items.filter(({ event }) => event === 'state').map(({ job }) => `${job.id} ${job.state}`);
      await events.until((items) => new Set(states([...items])).size >= wanted.length);
      t.same(states(events.items).sort(), [...wanted].sort(), 'each once');
    }
  });

  await t.test('a schedule ticks once', async (t) => {
    const sql = connectPostgres(first.databaseUrl ?? '', { max: 1 });
    t.teardown(() => sql.end());
    const made = await api<Schedule>('/v1/schedules', {
      method: 'POST',
      json: { name: 'x', every: 3_600_000, run: { export: { dataset: 'images', format: 'csv' } } },
    });
    await sql`update schedules set next_run_at = now()`;
    const path = `/v1/schedules/${made.body.id}`;
    const id = await eventually(async () => (await api<Schedule>(path)).body.lastJobId ?? undefined);
    await ended(api, { id });
    const { body } = await api<ListBody<Job>>('/v1/jobs?type=export&withTotal=true');
    t.equal(body.pagination.total, 1);
  });

  await t.test('a cancel reaches the process that has the job', async (t) => {
    const file = await noise(1200, 1200).jpeg().toBuffer();
    const slow = Array.from({ length: 50 }, (_, index) => ({
      width: 700 + index,
      format: 'webp',
      effort: 6,
    }));
    // As many as there are threads: each worker has one in hand.
    const jobs: Job[] = [];
    for (const shift of [0, 1]) {
      const renditions = slow.map((one) => ({ ...one, width: one.width + 60 * shift }));
      jobs.push((await upload(api, file, { renditions })).body.job);
    }
    for (const { id } of jobs)
      await eventually(async () => (await api<Job>(`/v1/jobs/${id}`)).body.state === 'active' || undefined);
    const answers = await Promise.all(
      jobs.map(({ id }, index) =>
        (apis[index + 1] ?? api)<{ job: Job }>(`/v1/jobs/${id}`, {
          method: 'DELETE',
          headers: { prefer: 'wait=20' },
        }),
      ),
    );
    for (const { status, body } of answers) {
      t.equal(status, 200);
      t.equal(body.job.state, 'cancelled');
    }
  });

  await t.test('workers beside each other tell of each event once', async (t) => {
    const receiver = await startReceiver(t);
    const json = { url: receiver.url, events: ['image.created', 'job.completed'] };
    const { body: webhook } = await api<Webhook>('/v1/webhooks', { method: 'POST', json });
    const jobs = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const asked = apis[index % apis.length] ?? api;
        return (await upload(asked, await picture(), { presets: ['thumbnail'] })).body.job;
      }),
    );
    const told = 2 * jobs.length;
    await receiver.received.length(told);
    // Nothing is under way that might tell of one again.
    const deliveries = await eventually(async () => {
      const { body } = await api<ListBody<Delivery>>(`/v1/webhooks/${webhook.id}/deliveries?limit=100`);
      return body.data.every(({ state }) => state === 'completed') ? body.data : undefined;
    });
    t.equal(deliveries.length, told);
    t.equal(receiver.received.items.length, told);
    t.equal(new Set(receiver.received.items.map(({ headers }) => headers['webhook-id'])).size, told);
    await api(`/v1/webhooks/${webhook.id}`, { method: 'DELETE' });
  });
}
