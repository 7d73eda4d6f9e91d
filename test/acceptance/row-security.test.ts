import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Tenant as TenantBody } from '../../lib/tenants/tenant.js';
import type { ListBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startReceiver } from '../helpers/receiver.js';
import { startService } from '../helpers/service.js';
import { makeTenant } from '../helpers/tenants.js';
import { sendPart } from '../helpers/tus.js';

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
    ROW_SECURITY: 'on',
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
