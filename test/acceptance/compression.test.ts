import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import { type ListBody, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { noise } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const service = await startService(t);
const api = await openApi(service.url);
const { image, job, renditions } = await uploadAndWait(api, await noise(60, 60).png().toBuffer(), {
  renditions: [10, 20, 30, 40, 50].map((width) => ({ width, format: 'tiff' })),
});

const encodingOf = async (path: string, headers: Record<string, string>) =>
  (await api(path, { headers })).headers.get('content-encoding');

await t.test('JSON of 1 KiB or more, as the client accepts it', async (t) => {
  const plain = await api(image.links.self, { headers: { 'accept-encoding': 'identity' } });
  t.ok(plain.bytes.length >= 1024, 'large enough');
  for (const path of [image.links.self, job.links.self, '/v1/images?fields=id,renditions', '/v1/jobs']) {
    for (const [accepted, encoding] of [
      ['br', 'br'],
      ['gzip', 'gzip'],
      ['gzip, deflate, br', 'br'],
      ['br;q=0, gzip', 'gzip'],
      ['identity', null],
      ['compress', null],
    ] as const) {
      const { status, headers } = await api(path, { headers: { 'accept-encoding': accepted } });
      t.equal(status, 200);
      t.equal(headers.get('content-encoding'), encoding, `${path} ${accepted}`);
      t.match(headers.get('vary'), /accept-encoding/i, path);
    }
  }
  // What comes back is the same, however it came.
  const packed = await api<Image>(image.links.self, { headers: { 'accept-encoding': 'br' } });
  t.same(packed.body, plain.body);
  t.equal(packed.headers.get('etag'), plain.headers.get('etag'), 'one weak tag for all encodings');
});

await t.test('a client that wants none of it', async (t) => {
  for (const path of [image.links.self, job.links.self, '/v1/jobs']) {
    t.equal(await encodingOf(path, { 'accept-encoding': 'br', 'x-no-compression': '1' }), null, path);
  }
});

await t.test('small answers are left alone, and say that it depends', async (t) => {
  const { headers } = await api<ListBody<Job>>('/v1/jobs?fields=id', {
    headers: { 'accept-encoding': 'br' },
  });
  t.equal(headers.get('content-encoding'), null);
  t.match(headers.get('vary'), /accept-encoding/i);
});

await t.test('304 says it too', async (t) => {
  for (const path of [image.links.self, job.links.self, '/v1/jobs', '/v1/presets']) {
    const { headers } = await api(path, { headers: { 'accept-encoding': 'br' } });
    const etag = headers.get('etag') ?? '';
    const again = await api(path, { headers: { 'accept-encoding': 'gzip', 'if-none-match': etag } });
    t.equal(again.status, 304, path);
    t.match(again.headers.get('vary'), /accept-encoding/i, path);
    t.equal(again.headers.get('etag'), etag, path);
    t.equal(again.headers.get('cache-control'), headers.get('cache-control'), path);
  }
});

await t.test('problems too, when they are long', async (t) => {
  const { status, headers } = await api(`/v1/images?fields=${'x'.repeat(2000)}`, {
    headers: { 'accept-encoding': 'gzip' },
  });
  t.equal(status, 400);
  t.equal(headers.get('content-encoding'), 'gzip');
});

await t.test('files never, whole or in part', async (t) => {
  for (const path of [image.links.content, renditions[0]?.url ?? '']) {
    for (const range of [{}, { range: 'bytes=0-2000' }]) {
      t.equal(await encodingOf(path, { 'accept-encoding': 'br, gzip', ...range }), null, path);
    }
  }
});
