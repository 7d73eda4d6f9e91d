import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Key } from '../../lib/keys/key.js';
import { formatToken, newToken } from '../../lib/keys/token.js';
import { type ListBody, type ProblemBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { makeKey, type NewKey, withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const env = { AUTH: 'on', RESIZE_THREADS: '1' };
const service = await startService(t, { env });
const stranger = await openApi(service.url);
const adminToken = (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim();
const operator = withKey(stranger, adminToken);

await t.test('the first start makes a key, shows it once, and keeps it for its owner', async (t) => {
  const shown = service
    .output()
    .split('\n')
    .filter((line) => line.includes(adminToken));
  t.equal(shown.length, 1);
  t.match(shown[0], /^ {2}admin key +ht_/);
  t.equal((await stat(join(service.dataDir, 'admin.key'))).mode & 0o777, 0o600);
  t.equal((await operator('/v1/images')).status, 200);
});

await t.test('without a key, and with a bad one', async (t) => {
  const none = await stranger<ProblemBody>('/v1/images');
  t.match(none, { status: 401, body: { code: 'KEY_MISSING' } });
  t.match(none.headers.get('www-authenticate'), /^Bearer/);
  const bad = await withKey(stranger, 'nonsense')<ProblemBody>('/v1/images');
  t.match(bad, { status: 401, body: { code: 'KEY_INVALID' } });
  t.match(bad.headers.get('www-authenticate'), /^Bearer .*error="invalid_token"/);
  t.equal((await stranger('/v1/images', { headers: { authorization: 'Basic eDp5' } })).status, 401);
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs'])
    t.equal((await stranger(path)).status, 200, path);
});

await t.test('a role does what the roles before it do, and no more', async (t) => {
  const reader = (await makeKey(operator, stranger, { tenant: 'roles', role: 'reader' })).api;
  const writer = (await makeKey(operator, stranger, { tenant: 'roles', role: 'writer' })).api;
  const admin = (await makeKey(operator, stranger, { tenant: 'roles', role: 'admin' })).api;
  t.equal((await upload(writer, await picture())).status, 201);
  t.equal((await reader<ListBody<Image>>('/v1/images')).body.data.length, 1);
  const refused = await upload<ProblemBody>(reader, await picture());
  t.match(refused, { status: 403, body: { code: 'ROLE_TOO_LOW' } });
  t.equal((await reader('/v1/exports', { method: 'POST', json: {} })).status, 403);
  for (const api of [reader, writer]) t.equal((await api('/v1/keys')).status, 403);
  t.equal((await admin('/v1/keys')).status, 200);
  t.equal((await admin('/v1/queues')).status, 403, 'queues are of all tenants together');
  t.equal((await operator('/v1/queues')).status, 200);
});

await t.test('a key makes none mightier than itself', async (t) => {
  const { api: admin } = await makeKey(operator, stranger, { tenant: 'acme', role: 'admin' });
  const make = (api: typeof admin, json: object) =>
    api<ProblemBody & NewKey>('/v1/keys', { method: 'POST', json });
  t.match(await make(admin, { tenant: 'acme', role: 'writer', name: 'uploads' }), {
    status: 201,
    body: { tenant: 'acme', role: 'writer', name: 'uploads', secret: /^ht_/ },
  });
  t.match(await make(admin, { tenant: 'default', role: 'reader' }), {
    status: 403,
    body: { code: 'KEY_TOO_MIGHTY' },
  });
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const brief = await makeKey(operator, stranger, { tenant: 'acme', role: 'admin', expiresAt: soon });
  t.match(await make(brief.api, { tenant: 'acme', role: 'reader' }), { body: { expiresAt: soon } });
  const later = new Date(Date.now() + 7_200_000).toISOString();
  t.equal((await make(brief.api, { tenant: 'acme', role: 'reader', expiresAt: later })).status, 403);
  const lasting = (await make(admin, { tenant: 'acme', role: 'reader' })).body.id;
  t.equal((await brief.api(`/v1/keys/${lasting}/rotate`, { method: 'POST' })).status, 403);
});

await t.test('bad input is named', async (t) => {
  const make = (json: object) => operator<ProblemBody>('/v1/keys', { method: 'POST', json });
  for (const [json, path] of [
    [{ role: 'reader' }, 'tenant'],
    [{ tenant: 'Über', role: 'reader' }, 'tenant'],
    [{ tenant: 'acme', role: 'owner' }, 'role'],
    [{ tenant: 'acme', role: 'reader', expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ tenant: 'acme', role: 'reader', expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    [{ tenant: 'acme', role: 'reader', secret: 'mine' }, 'secret'],
  ] as const) {
    const { status, body } = await make(json);
    t.equal(status, 400, path);
    t.match(body.errors?.[0]?.path, path);
  }
  for (const id of ['none', '00000000-0000-7000-8000-000000000000']) {
    t.match(await operator(`/v1/keys/${id}`, { method: 'DELETE' }), {
      status: 404,
      body: { code: 'KEY_NOT_FOUND' },
    });
    t.equal((await operator(`/v1/keys/${id}/rotate`, { method: 'POST' })).status, 404);
  }
});

await t.test('admins see their own keys, operators all, and nobody a secret', async (t) => {
  const { api: admin, key } = await makeKey(operator, stranger, { tenant: 'listed', role: 'admin' });
  const own = await admin<ListBody<Key>>('/v1/keys');
  t.same(
    own.body.data.map(({ id }) => id),
    [key.id],
  );
  const all = await operator<ListBody<Key>>('/v1/keys?limit=200');
  t.ok(all.body.data.some(({ id }) => id === key.id));
  t.ok(all.body.data.some(({ tenant }) => tenant === 'default'));
  t.same((await admin<ListBody<Key>>('/v1/keys?tenant=default')).body.data, []);
  t.notMatch(String(all.bytes), key.secret.slice(-43));
  t.notMatch(String(all.bytes), /secret"|sha256/i);
});

await t.test(
  'after a rotation both secrets are good; after a revocation none is, in any process',
  async (t) => {
    const other = await startService(t, { env: { ...env, ROLE: 'api' }, databaseUrl: service.databaseUrl });
    const elsewhere = await openApi(other.url);
    const { key, api } = await makeKey(operator, stranger, { tenant: 'rotated', role: 'reader' });
    const rotated = await operator<NewKey>(`/v1/keys/${key.id}/rotate`, { method: 'POST' });
    t.match(rotated.body, { id: key.id, prefix: key.prefix, previousSecretUntil: /Z$/ });
    t.not(rotated.body.secret, key.secret);
    const renewed = withKey(stranger, rotated.body.secret);
    for (const each of [
      api,
      renewed,
      withKey(elsewhere, key.secret),
      withKey(elsewhere, rotated.body.secret),
    ])
      t.equal((await each('/v1/images')).status, 200);
    t.equal((await operator(`/v1/keys/${key.id}`, { method: 'DELETE' })).status, 204);
    t.equal((await renewed('/v1/images')).status, 401, 'at once where it was revoked');
    await eventually(
      async () => (await withKey(elsewhere, rotated.body.secret)('/v1/images')).status === 401 || undefined,
    );
    t.equal(
      (await operator(`/v1/keys/${key.id}`, { method: 'DELETE' })).status,
      204,
      'again changes nothing',
    );
    t.equal((await operator(`/v1/keys/${key.id}/rotate`, { method: 'POST' })).status, 404);
  },
);

await t.test('a key is good until it expires', async (t) => {
  const expiresAt = new Date(Date.now() + 1_500).toISOString();
  const { api } = await makeKey(operator, stranger, { tenant: 'brief', role: 'reader', expiresAt });
  t.equal((await api('/v1/images')).status, 200);
  await eventually(async () => (await api('/v1/images')).status === 401 || undefined);
});

await t.test('a second start shows no key, and ADMIN_API_KEY is one from then on', async (t) => {
  const token = formatToken(newToken());
  const again = await startService(t, {
    env: { ...env, ROLE: 'api', ADMIN_API_KEY: token },
    databaseUrl: service.databaseUrl,
    dataDir: service.dataDir,
  });
  t.notMatch(again.output(), /admin key|ht_/);
  const api = await openApi(again.url);
  for (const each of [token, adminToken]) t.equal((await withKey(api, each)('/v1/queues')).status, 200);
});

await t.test('no token is in a log line or an error', async (t) => {
  const { key } = await makeKey(operator, stranger, { tenant: 'quiet', role: 'reader' });
  const refused = await withKey(stranger, `${key.secret}x`)<ProblemBody>('/v1/images?x=1');
  t.equal(refused.status, 401);
  t.notMatch(String(refused.bytes), key.secret.slice(-43));
  t.notMatch(service.output(), key.secret.slice(-43));
});
