import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Tenant as TenantBody } from '../../lib/tenants/tenant.js';
import { type ListBody, uploadAndWait } from '../helpers/client.js';
import { type Asked, openApi } from '../helpers/contract.js';
import { connect } from '../helpers/embedded-postgres.js';
import { withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startReceiver } from '../helpers/receiver.js';
import { startService } from '../helpers/service.js';
import { makeTenant } from '../helpers/tenants.js';
import { sendPart } from '../helpers/tus.js';
import { filled, plainPaths, walks } from '../helpers/walks.js';

// What operators manage: it is of more than one tenant.
const OPERATORS = /^\/v1\/(keys|tenants|queues)/;
const pngHeaders = { 'content-type': 'image/png' };
const renditions = [{ width: 8 }];
// Everything that a tenant does, with PostgreSQL itself keeping tenants apart.
const file = await picture();
const outside = await startReceiver(t, (request, response) =>
  request.method === 'GET' ? void response.end(file) : void response.writeHead(204).end(),
);
const service = await startService(t, {
  env: {
    AUTH: 'on',
    RESIZE_THREADS: '1',
    ALLOW_PRIVATE_HOSTS: 'true',
    QUOTA_IMAGES: '100',
  },
});
const stranger = await openApi(service.url);
const operator = withKey(stranger, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());
const [first, second] = [
  await makeTenant(operator, stranger, 'alpha', outside),
  await makeTenant(operator, stranger, 'bravo', outside),
];

await t.test('each sees what it has', async (t) => {
  for (const { api, things } of [first, second]) {
    for (const path of ['images', 'jobs', 'exports', 'schedules', 'webhooks', 'keys']) {
      const { status, body } = await api<ListBody<unknown>>(`/v1/${path}`);
      t.equal(status, 200, path);
      t.ok(body.data.length > 0, path);
    }
    const streamed = await api('/v1/exports/stream?dataset=images&format=csv');
    t.match(String(streamed.bytes), things.image);
    const { status } = await api(`/v1/images/${things.image}/renditions/${things.rendition}/content`);
    t.equal(status, 200);
    t.equal((await sendPart(api, `/v1/uploads/${things.upload}`, 0, Buffer.from('half'))).status, 204);
    const { body } = await api<TenantBody>(`/v1/tenants/${things.tenant}`);
    t.match(body, { quotas: { images: 100 }, usage: { images: 2 } });
  }
});

await t.test('and deletes it, and nothing of the other', async (t) => {
  const { image } = first.things;
  t.equal((await second.api(`/v1/images/${image}`, { method: 'DELETE' })).status, 404);
  t.equal((await first.api(`/v1/images/${image}`, { method: 'DELETE' })).status, 204);
  t.equal((await first.api(`/v1/images/${image}`)).status, 404);
  t.equal((await second.api(`/v1/images/${second.things.image}/content`)).status, 200);
});

await t.test('operators see beyond their tenant where they manage it', async (t) => {
  t.ok((await operator<ListBody<TenantBody>>('/v1/tenants')).body.data.length >= 3);
  t.equal((await operator('/v1/queues')).status, 200);
});

await t.test('no route of a tenant’s things goes around the lock', async (t) => {
  // What the role of tenants may not read cannot be answered, whoever would have found it.
  const sql = connect(t, service.databaseUrl ?? '');
  const role = async (verb: string) => sql.unsafe(`${verb} halftone_tenant`);
  await role('revoke all on all tables in schema public from');
  const asked = [
    ...Object.entries(walks)
      .filter(([path]) => !OPERATORS.test(path))
      .flatMap(([path, { namings, methods }]) =>
        namings(first.things, second.things).flatMap(({ theirs, own }) =>
          Object.entries(methods).map(([method, asked]) => ({
            method,
            path: filled(path, { ...theirs, ...own }),
            asked,
          })),
        ),
      ),
    ...(plainPaths['lists'] ?? [])
      .map((operation) => operation.split(' ')[1] ?? '')
      .filter((path) => !OPERATORS.test(path))
      .map((path) => ({ method: 'get', path, asked: {} })),
    ...['images', 'renditions', 'jobs'].map((dataset) => ({
      method: 'get',
      path: `/v1/exports/stream?format=csv&dataset=${dataset}`,
      asked: {},
    })),
    { method: 'post', path: '/v1/images', asked: { body: new Uint8Array(file), headers: pngHeaders } },
    { method: 'post', path: '/v1/exports', asked: { json: { dataset: 'images', format: 'csv' } } },
    { method: 'post', path: '/v1/batches', asked: { json: { images: [first.things.image], renditions } } },
  ];
  for (const { method, path, asked: how } of asked)
    t.equal(await statusOf(method, path, how), 500, `${method} ${path}`);
  await role('grant select, insert, update, delete on all tables in schema public to');
  t.equal(await statusOf('get', '/v1/images', {}), 200);
});

await t.test('without it everything works as before', async (t) => {
  const plain = await startService(t, { env: { RESIZE_THREADS: '1', ROW_SECURITY: 'off' } });
  const api = await openApi(plain.url);
  const { image } = await uploadAndWait(api, file, { presets: ['thumbnail'] });
  const { body } = await api<ListBody<{ id: string }>>('/v1/images');
  t.match(body.data, [{ id: image.id }]);
});

async function statusOf(method: string, path: string, { json, headers, ...asked }: Asked): Promise<number> {
  const response = await fetch(`${service.url}${path}`, {
    ...asked,
    method: method.toUpperCase(),
    headers: {
      authorization: `Bearer ${second.token}`,
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  await response.arrayBuffer();
  return response.status;
}
