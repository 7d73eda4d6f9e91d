import { randomUUID } from 'node:crypto';
import t from 'tap';
import type { Webhook } from '../../lib/webhooks/webhook.js';
import type { ListBody, ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';

type Shown = Webhook & { readonly secret: string };

const service = await startService(t, { env: { ROLE: 'api', ALLOW_PRIVATE_HOSTS: 'true' } });
const api = await openApi(service.url);

const make = (url: string, events: readonly string[] = ['*']) =>
  api<Shown>('/v1/webhooks', { method: 'POST', json: { url, events } });
const change = (id: string, json: unknown) =>
  api<Webhook & ProblemBody>(`/v1/webhooks/${id}`, { method: 'PATCH', json });
const remove = (id: string) => api<ProblemBody>(`/v1/webhooks/${id}`, { method: 'DELETE' });

await t.test('made, read, changed, rotated, deleted', async (t) => {
  const made = await make('http://127.0.0.1:9/hook', ['job.failed', 'image.created']);
  t.equal(made.status, 201);
  t.equal(made.headers.get('location'), `/v1/webhooks/${made.body.id}`);
  t.equal(made.headers.get('cache-control'), 'no-store');
  t.match(made.body, { url: 'http://127.0.0.1:9/hook', enabled: true, disabledReason: null });
  t.match(made.body.secret, /^whsec_[A-Za-z\d+/]{43}=$/);
  const { id, links } = made.body;
  const read = await api<Webhook>(links.self);
  const { secret, ...shown } = made.body;
  t.same(read.body, shown, 'the secret is shown once');
  const listed = await api<ListBody<Webhook>>('/v1/webhooks?fields=id,events');
  t.same(listed.body.data, [{ id, events: ['job.failed', 'image.created'] }]);

  const changed = await change(id, { enabled: false, events: ['*'] });
  t.match(changed.body, { enabled: false, events: ['*'], url: 'http://127.0.0.1:9/hook' });
  const rotated = await api<Shown>(`/v1/webhooks/${id}/rotate`, { method: 'POST' });
  t.equal(rotated.status, 200);
  t.not(rotated.body.secret, secret);
  const left = Date.parse(rotated.body.previousSecretUntil ?? '') - Date.now();
  t.ok(left > 23 * 3_600_000 && left < 25 * 3_600_000, 'the one before is good for a day');

  t.equal((await remove(id)).status, 204);
  for (const gone of [
    await remove(id),
    await change(id, { enabled: true }),
    await api<ProblemBody>(`/v1/webhooks/${id}`),
    await api<ProblemBody>(`/v1/webhooks/${id}/rotate`, { method: 'POST' }),
    await api<ProblemBody>(`/v1/webhooks/${id}/deliveries`),
    await api<ProblemBody>('/v1/webhooks/nope'),
  ])
    t.same([gone.status, gone.body.code], [404, 'WEBHOOK_NOT_FOUND']);
});

await t.test('what is no webhook', async (t) => {
  const { body: standing } = await make('http://127.0.0.1:9/');
  const url = 'https://example.com/';
  for (const [json, path] of [
    [{ url: 'ftp://example.com/', events: ['*'] }, 'url'],
    [{ url: 'file:///etc/passwd', events: ['*'] }, 'url'],
    [{ url: 'http://user:secret@example.com/', events: ['*'] }, 'url'],
    [{ url: 'example.com', events: ['*'] }, 'url'],
    [{ url: '', events: ['*'] }, 'url'],
    [{ url: `https://example.com/${'x'.repeat(3000)}`, events: ['*'] }, 'url'],
    [{ url, events: [] }, 'events'],
    [{ url, events: ['job.exploded'] }, 'events.0'],
    [{ url, events: ['*', '*'] }, 'events'],
    [{ url, events: 'job.failed' }, 'events'],
    [{ url }, 'events'],
    [{ url, events: ['*'], secret: 'mine' }, 'secret'],
  ] as const) {
    const answer = await api<ProblemBody>('/v1/webhooks', { method: 'POST', json });
    t.same([answer.status, answer.body.errors?.[0]?.path], [400, path], JSON.stringify(json).slice(0, 60));
  }
  for (const [json, path] of [
    [{ url: 'ftp://example.com/' }, 'url'],
    [{ events: [] }, 'events'],
    [{ enabled: 'yes' }, 'enabled'],
    [{ id: randomUUID() }, 'id'],
  ] as const) {
    const { status, body } = await change(standing.id, json);
    t.same([status, body.errors?.[0]?.path], [400, path], JSON.stringify(json));
  }
  t.equal((await change(standing.id, {})).status, 400);
  await remove(standing.id);
});
