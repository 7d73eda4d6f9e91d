import { randomUUID } from 'node:crypto';
import { Webhook as Verifier } from 'standardwebhooks';
import type { Test } from 'tap';
import type { Export } from '../../lib/exports/export.js';
import type { Job } from '../../lib/jobs/job.js';
import type { Delivery } from '../../lib/notifications/delivery-row.js';
import type { Webhook } from '../../lib/webhooks/webhook.js';
import { ended, type ListBody, type ProblemBody, uploadAndWait } from '../helpers/client.js';
import type { Answer, Api } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { accept, answerWith, hang, type Received, startReceiver } from '../helpers/receiver.js';

type Shown = Webhook & { readonly secret: string };

/** What a service is started with for these tests. */
export const deliverySettings = { ALLOW_PRIVATE_HOSTS: 'true', WEBHOOK_TIMEOUT_SECONDS: '10' };

/** Events and what becomes of them, on whatever queue the service was started with. */
export async function webhookDeliveries(t: Test, api: Api): Promise<void> {
  const make = (url: string, events: readonly string[] = ['*']) =>
    api<Shown>('/v1/webhooks', { method: 'POST', json: { url, events } });
  const change = (id: string, json: unknown) =>
    api<Webhook & ProblemBody>(`/v1/webhooks/${id}`, { method: 'PATCH', json });
  const remove = (id: string) => api<ProblemBody>(`/v1/webhooks/${id}`, { method: 'DELETE' });
  const deliveries = (id: string, query = '') =>
    api<ListBody<Delivery>>(`/v1/webhooks/${id}/deliveries${query}`);

  await t.test(
    'an upload, its job and a deletion are told: signed, once each, as the API shows them',
    async (t) => {
      const receiver = await startReceiver(t);
      const { body: webhook } = await make(receiver.url);
      const { image, job } = await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
      await receiver.received.length(2);
      await api(image.links.self, { method: 'DELETE' });
      const received = await receiver.received.length(3);
      const events = received.map((each) => verify(webhook.secret, each));
      t.same(events.map(({ type }) => type).sort(), ['image.created', 'image.deleted', 'job.completed']);
      const { audit: _, ...shown } = (await api<Job & { audit: unknown }>(`/v1/jobs/${job.id}`)).body;
      t.same(events.find(({ type }) => type === 'job.completed')?.data, shown, 'but for what is for admins');
      t.equal(events.find(({ type }) => type === 'image.deleted')?.data.id, image.id);

      const list = await settled(webhook.id, 3);
      t.same(
        new Set(list.map(({ id }) => id)),
        new Set(received.map(({ headers }) => headers['webhook-id'])),
      );
      for (const each of list)
        t.match(each, { state: 'completed', attempts: 1, lastStatus: 204, lastError: null });
      t.equal((await deliveries(webhook.id, '?state=failed')).body.data.length, 0);
      t.equal((await deliveries(webhook.id, '?type=image.created&limit=1')).body.data.length, 1);
      const [first] = list;
      const notify = (await api<Job>(`/v1/jobs/${first?.jobId}`)).body;
      t.match(notify, { type: 'notify', state: 'completed', result: { deliveryId: first?.id, status: 204 } });
      await remove(webhook.id);
    },
  );

  await t.test('an export tells whom it names, and who wants to know of exports', async (t) => {
    const receiver = await startReceiver(t);
    const { body: named } = await make(`${receiver.url}/named`, ['image.deleted']);
    const { body: subscribed } = await make(`${receiver.url}/subscribed`, ['export.completed']);
    const { body } = await api<{ export: Export; job: Job }>('/v1/exports', {
      method: 'POST',
      json: { dataset: 'images', format: 'csv', notify: { webhookId: named.id } },
    });
    await ended(api, body.job);
    const received = await receiver.received.length(2);
    for (const webhook of [named, subscribed]) {
      const mine = received.find(({ path }) => webhook.url.endsWith(path));
      const event = mine && verify(webhook.secret, mine);
      t.equal(event?.type, 'export.completed');
      t.same(event?.data, (await api<Export>(`/v1/exports/${body.export.id}`)).body);
    }
    for (const [notify, path] of [
      [{ webhookId: randomUUID() }, 'notify.webhookId'],
      [{ webhookId: 'nope' }, 'notify.webhookId'],
      [{ email: ['a@example.com'] }, 'notify.email'],
      [{ email: [] }, 'notify.email'],
      [{ email: ['a@example.com\r\nBcc: b@example.com'] }, 'notify.email.0'],
      [{ sms: '1' }, 'notify.sms'],
      [{}, 'notify'],
    ] as const) {
      const answer = await api<ProblemBody>('/v1/exports', {
        method: 'POST',
        json: { dataset: 'images', format: 'csv', notify },
      });
      t.same([answer.status, answer.body.errors?.[0]?.path], [400, path], JSON.stringify(notify));
    }
    for (const { id } of [named, subscribed]) await remove(id);
  });

  await t.test('tried again by itself; replayed by hand; and neither while it is off', async (t) => {
    const receiver = await startReceiver(t, answerWith(500, 'not now'));
    const { body: webhook } = await make(receiver.url, ['image.created']);
    await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
    await receiver.received.length(1);
    receiver.answer = accept;
    const replay = (id: string) =>
      api<{ delivery: Delivery; job: Job } & ProblemBody>(
        `/v1/webhooks/${webhook.id}/deliveries/${id}/replay`,
        {
          method: 'POST',
        },
      );
    const id = String(receiver.received.items[0]?.headers['webhook-id']);
    const early = await replay(id);
    t.same([early.status, early.body.code], [409, 'DELIVERY_UNFINISHED']);
    await receiver.received.length(2);
    const [done] = await settled(webhook.id, 1);
    t.match(done, { id, state: 'completed', attempts: 2, lastStatus: 204 });

    const again = await replay(id);
    t.equal(again.status, 202);
    t.equal(again.headers.get('location'), `/v1/jobs/${id}`);
    t.match(again.body, { delivery: { id }, job: { id, type: 'notify' } });
    await receiver.received.length(3);
    t.match(await ended(api, again.body.job), { state: 'completed' });
    t.same(new Set(receiver.received.items.map(({ headers }) => headers['webhook-id'])), new Set([id]));
    for (const wrong of ['nope', randomUUID()])
      t.match(await replay(wrong), { status: 404, body: { code: 'DELIVERY_NOT_FOUND' } });

    await change(webhook.id, { enabled: false });
    t.match(await replay(id), { status: 409, body: { code: 'WEBHOOK_DISABLED' } });
    await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
    await remove(webhook.id);
    t.equal(receiver.received.items.length, 3);
  });

  await t.test('many to receivers that hang hold up nobody', async (t) => {
    const [slow, quick] = [await startReceiver(t, hang), await startReceiver(t)];
    const hooks = await Promise.all(Array.from({ length: 4 }, () => make(slow.url, ['image.created'])));
    const { body: well } = await make(quick.url, ['image.created']);
    for (let count = 0; count < 10; count++)
      await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
    await quick.received.length(10);
    t.equal((await settled(well.id, 10)).filter(({ state }) => state === 'completed').length, 10);
    const waiting = await Promise.all(hooks.map(({ body }) => deliveries(body.id)));
    t.equal(waiting.flatMap(({ body }) => body.data).filter(({ state }) => state === 'completed').length, 0);
    t.ok(slow.received.items.length < 20, 'only some of the forty were tried');
    for (const { body } of [...hooks, { body: well }]) await remove(body.id);
  });

  /** The deliveries of a webhook, once so many have ended. */
  async function settled(id: string, count: number): Promise<readonly Delivery[]> {
    for (;;) {
      const { body }: Answer<ListBody<Delivery>> = await deliveries(id, '?limit=200');
      const over = body.data.filter(({ state }) => state !== 'queued' && state !== 'active');
      if (over.length >= count) return over;
    }
  }
}

function verify(secret: string, { body, headers }: Received): { type: string; data: { id: string } } {
  const plain = Object.entries(headers).map(([name, value]) => [name, String(value)]);
  new Verifier(secret).verify(body, Object.fromEntries(plain));
  return JSON.parse(body);
}
