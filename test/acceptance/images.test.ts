import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ListBody, type ProblemBody, upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { jobWhen } from '../helpers/faults.js';
import { noise, picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const service = await startService(t);
const api = await openApi(service.url);

/** The files of the store whose path has the text. */
async function filesOf(sha256: string): Promise<string[]> {
  const store = join(service.dataDir, 'store');
  const found = (await readdir(store, { recursive: true })).filter((path) => path.includes(sha256));
  const stats = await Promise.all(
    found.map(async (path) => ((await stat(join(store, path))).isFile() ? [path] : [])),
  );
  return stats.flat();
}

const change = (id: string, json: unknown, etag?: string | null) =>
  api<Image & ProblemBody>(`/v1/images/${id}`, {
    method: 'PATCH',
    json,
    headers: etag == null ? {} : { 'if-match': etag },
  });

await t.test('a change needs the ETag of what was read, and only one of two writers wins', async (t) => {
  const { image } = (await upload(api, await picture(), { metadata: { kept: 1 } })).body;
  const read = await api<Image>(image.links.self);
  const etag = read.headers.get('etag');
  t.match(etag, /^W\/"/);

  const blind = await change(image.id, { filename: 'x.png' });
  t.same([blind.status, blind.body.code], [428, 'PRECONDITION_REQUIRED']);

  const answers = await Promise.all(
    ['a.png', 'b.png'].map((filename) => change(image.id, { filename }, etag)),
  );
  t.same(answers.map(({ status }) => status).sort(), [200, 412]);
  const won = answers.find(({ status }) => status === 200);
  const now = await api<Image>(image.links.self);
  t.equal(now.body.filename, won?.body.filename);
  t.same(now.body.metadata, { kept: 1 }, 'what was not named stays');
  t.not(now.headers.get('etag'), etag);
  t.equal(now.headers.get('etag'), won?.headers.get('etag'));

  const stale = await change(image.id, { metadata: {} }, etag);
  t.same([stale.status, stale.body.code], [412, 'PRECONDITION_FAILED']);
  const fresh = await change(image.id, { metadata: { new: [1, { two: null }] } }, now.headers.get('etag'));
  t.same(fresh.body.metadata, { new: [1, { two: null }] });
  t.equal((await change(image.id, { filename: 'any.png' }, '*')).status, 200);
  t.match((await api(image.links.content)).headers.get('content-disposition'), /any\.png/);
});

await t.test('changes that are not taken', async (t) => {
  const { image } = (await upload(api, await picture())).body;
  for (const [json, path] of [
    [{ width: 5 }, 'width'],
    [{ filename: '' }, 'filename'],
    [{ filename: '..' }, 'filename'],
    [{ filename: 7 }, 'filename'],
    [{ metadata: [] }, 'metadata'],
    [{ metadata: { long: 'x'.repeat(16 * 1024) } }, 'metadata'],
    [{ metadata: { nul: 'a\0b' } }, 'metadata'],
  ] as const) {
    const { status, body } = await change(image.id, json, '*');
    t.same([status, body.errors?.[0]?.path], [400, path], JSON.stringify(json).slice(0, 40));
  }
  t.equal((await change(image.id, {}, '*')).status, 400);
  t.equal((await api<Image>(image.links.self)).body.filename, image.filename);
});

await t.test('an image is read again only when it or its renditions have changed', async (t) => {
  const { image } = await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
  const { headers } = await api(image.links.self);
  const unchanged = await api(image.links.self, { headers: { 'if-none-match': headers.get('etag') ?? '' } });
  t.equal(unchanged.status, 304);
  for (const name of ['etag', 'cache-control', 'vary'])
    t.equal(unchanged.headers.get(name), headers.get(name), name);
  t.equal(headers.get('cache-control'), 'private, max-age=0, must-revalidate');
  const asked = { method: 'POST', json: { renditions: [{ width: 5 }] }, headers: { prefer: 'wait=30' } };
  await api(image.links.renditions, asked);
  const changed = await api<Image>(image.links.self, {
    headers: { 'if-none-match': headers.get('etag') ?? '' },
  });
  t.same([changed.status, changed.body.renditions?.length], [200, 2]);
});

await t.test('deletion takes rows and files at once', async (t) => {
  const { image, renditions } = await uploadAndWait(api, await picture(), {
    presets: ['thumbnail', 'small'],
  });
  t.equal((await filesOf(image.sha256)).length, 3);
  const { status, bytes } = await api(image.links.self, { method: 'DELETE' });
  t.same([status, bytes.length], [204, 0]);
  t.same(await filesOf(image.sha256), []);
  for (const path of [
    image.links.self,
    image.links.content,
    image.links.renditions,
    renditions[0]?.url ?? '',
  ]) {
    t.equal((await api(path)).status, 404, path);
  }
  const again = await api<ProblemBody>(image.links.self, { method: 'DELETE' });
  t.same([again.status, again.body.code], [404, 'IMAGE_NOT_FOUND']);
});

await t.test('deleted and uploaded again, it is all there again', async (t) => {
  const file = await picture();
  const first = await uploadAndWait(api, file, { presets: ['thumbnail'] });
  await api(first.image.links.self, { method: 'DELETE' });
  const second = await uploadAndWait(api, file, { presets: ['thumbnail'] });
  t.not(second.image.id, first.image.id);
  t.equal(
    second.renditions[0]?.id,
    first.renditions[0]?.id,
    'the same bytes and options: the same rendition',
  );
  t.ok((await api(second.image.links.content)).bytes.equals(file));
  t.equal((await api(second.renditions[0]?.url ?? '')).status, 200);
});

await t.test('uploads and a deletion of the same bytes at once: no row without its file', async (t) => {
  for (let round = 0; round < 30; round++) {
    const file = await picture();
    const { image } = (await upload(api, file)).body;
    const [deleted, ...again] = await Promise.all([
      api(image.links.self, { method: 'DELETE' }),
      upload(api, file),
      upload(api, file),
    ]);
    t.same([deleted.status, ...again.map(({ status }) => status)], [204, 201, 201]);
    for (const { body } of again) {
      const content = await api(body.image.links.content);
      // It was deleted after this upload, or it is there with its bytes.
      t.ok(content.status === 404 || content.bytes.equals(file), `status ${content.status}`);
    }
    const { data } = (await api<ListBody<Image>>(`/v1/images?sha256=${image.sha256}`)).body;
    t.equal((await filesOf(image.sha256)).length, data.length);
  }
});

await t.test('the unfinished job of a deleted image fails, and leaves no file', async (t) => {
  const large = await noise(1600, 1200).jpeg().toBuffer();
  const busy = (await upload(api, large, { renditions: [{ width: 1500, format: 'webp', effort: 6 }] })).body;
  await jobWhen(service.url, busy.job, ({ state }) => state === 'active');
  t.equal((await api(busy.image.links.self, { method: 'DELETE' })).status, 204);
  // The job of the other waits until its image is gone.
  await api('/v1/queues/resize/pause', { method: 'POST' });
  const { image, job } = (await upload(api, await picture(), { presets: ['thumbnail'] })).body;
  t.equal((await api(image.links.self, { method: 'DELETE' })).status, 204);
  await api('/v1/queues/resize/resume', { method: 'POST' });
  for (const each of [job, busy.job]) {
    const { state, error } = await ended(api, each);
    t.match({ state, code: error?.code }, { state: 'failed', code: 'IMAGE_NOT_FOUND' });
  }
  t.same(await filesOf(image.sha256), []);
  t.same(await filesOf(busy.image.sha256), []);
  const { body } = await api<{ data: Job[] }>(`/v1/jobs?imageId=${image.id}`);
  t.equal(body.data.length, 1, 'the history of a job outlives its image');
});
