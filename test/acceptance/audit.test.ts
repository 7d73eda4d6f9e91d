import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { follow } from '../helpers/event-stream.js';
import { makeKey, withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const service = await startService(t, { env: { AUTH: 'on', RESIZE_THREADS: '1', TRUST_PROXY: 'true' } });
const stranger = await openApi(service.url);
const operator = withKey(stranger, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());
const [admin, writer, reader] = await Promise.all(
  (['admin', 'writer', 'reader'] as const).map((role) =>
    makeKey(operator, stranger, { tenant: 'acme', role }),
  ),
);
if (!admin || !writer || !reader) throw new Error('keys are missing');
const { image, job } = await uploadAndWait(writer.api, await picture(), {
  presets: ['thumbnail'],
  headers: { 'x-forwarded-for': '198.51.100.7' },
});
const audit = { clientAddress: '198.51.100.7', keyPrefix: writer.key.prefix };

const paths = [
  '/v1/images',
  '/v1/images?fields=id,audit.clientAddress,audit.keyPrefix',
  `/v1/images/${image.id}`,
  '/v1/jobs',
  `/v1/jobs/${job.id}`,
  '/v1/exports/stream?dataset=images&format=ndjson&fields=id,audit',
  '/v1/exports/stream?dataset=jobs&format=csv&fields=audit.clientAddress,audit.keyPrefix',
];

await t.test('admins see where things came from', async (t) => {
  for (const path of paths) {
    const { status, bytes } = await admin.api(path);
    t.equal(status, 200, path);
    t.match(String(bytes), audit.clientAddress, path);
    t.match(String(bytes), audit.keyPrefix, path);
  }
  t.match((await admin.api(`/v1/jobs/${job.id}`)).body, { audit: { ...audit, requestId: /./ } });
});

await t.test('others do not, and are not told that it is there', async (t) => {
  for (const { api } of [writer, reader]) {
    for (const path of paths) {
      const { status, bytes } = await api(path);
      t.equal(status, path.includes('audit') ? 400 : 200, path);
      t.notMatch(String(bytes), audit.clientAddress, path);
      t.notMatch(String(bytes), audit.keyPrefix, path);
      if (status === 200) t.notMatch(String(bytes), /audit/, path);
    }
    const asked = await api('/v1/exports', {
      method: 'POST',
      json: { dataset: 'jobs', format: 'csv', fields: ['id', 'audit'] },
    });
    t.equal(asked.status, api === writer.api ? 400 : 403);
  }
});

await t.test('events tell each what it may see', async (t) => {
  const streams = await Promise.all(
    [admin, reader].map(({ key }) => follow(t, service.url, '/v1/jobs/events', undefined, key.secret)),
  );
  const { body } = await upload(writer.api, await picture(), { renditions: [{ width: 9 }] });
  const own = await Promise.all(
    [admin, reader].map(({ key }) => follow(t, service.url, body.job.links.events, undefined, key.secret)),
  );
  const seen = await Promise.all(
    [...streams, ...own].map(async ({ events }) => {
      const items = await events.until((all) => all.some(({ job }) => job.state === 'completed'));
      return items.every((event) => 'audit' in event.job);
    }),
  );
  t.same(seen, [true, false, true, false]);
});
