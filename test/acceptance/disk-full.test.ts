import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Export } from '../../lib/exports/export.js';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, formOf, type ListBody, madeBy, type ProblemBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { jobWhen } from '../helpers/faults.js';
import { bitmap, noise, picture } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';
import { smallDisk } from '../helpers/small-disk.js';
import { begin, offsetOf, sendPart, sha256, tusUpload } from '../helpers/tus.js';

const disk = await smallDisk(t);
const service = await startService(t, { ...disk.options, env: { JOB_ATTEMPTS: '10' } });
const api = await openApi(service.url);
const worker = Number((await service.logged(({ msg }) => msg === 'worker ready'))['pid']);
const dataDir = disk.dataDir(service);

const total = async () => (await api<ListBody<Image>>('/v1/images?withTotal=true')).body.pagination.total;
const originals = async () => {
  const entries = await readdir(join(dataDir, 'store', 'originals'), {
    recursive: true,
    withFileTypes: true,
  });
  return entries.filter((entry) => entry.isFile()).length;
};

const kept = (await upload(api, await picture())).body.image;

await t.test('an upload that does not fit: 507, and nothing half-written', async (t) => {
  const file = await noise(1200, 900).png().toBuffer();
  const raw = { body: new Uint8Array(file), headers: { 'content-type': 'image/png' } };
  for (const asked of [raw, { body: formOf(file, { presets: ['thumbnail'] }) }]) {
    const { status, headers, body } = await api<ProblemBody>('/v1/images', { method: 'POST', ...asked });
    t.same([status, body.code], [507, 'STORAGE_FULL']);
    t.match(headers.get('retry-after'), /^[1-9]\d*$/);
    t.notMatch(body.detail, dataDir, 'no path is told');
  }
  t.same(await filesLeft({ dataDir }), []);
  t.same([await total(), await originals()], [1, 1]);
  t.equal((await upload(api, await picture())).status, 201, 'what fits is still taken');
});

await t.test('a full disk takes nothing, still gives, and is seen', async (t) => {
  await disk.fill(service, [service.pid, worker]);
  const { status, body } = await upload<ProblemBody>(api, await picture(), { presets: ['thumbnail'] });
  t.same([status, body.code], [507, 'STORAGE_FULL']);
  t.same([await total(), await originals()], [2, 2]);
  t.equal((await api(kept.links.content)).bytes.length, kept.bytes);
  const ready = await api<{ status: string; checks: { store: string } }>('/readyz');
  t.same([ready.status, ready.body.status], [503, 'unavailable']);
  t.match(ready.body.checks.store, /no space left/);
});

await t.test('a job that meets it is tried again, and ends well once there is room', async (t) => {
  const renditions = { method: 'POST', json: { presets: ['thumbnail'] } };
  const { body } = await api<{ job: Job }>(kept.links.renditions, renditions);
  let answer = await api<Job>(body.job.links.self);
  while (answer.body.error === null && answer.body.state !== 'completed') {
    const headers = { prefer: 'wait=30', 'if-none-match': answer.headers.get('etag') ?? '' };
    const changed = await api<Job>(body.job.links.self, { headers });
    if (changed.status === 200) answer = changed;
  }
  t.match(answer.body.error, { code: 'STORAGE_FULL', status: 507 });
  const wanted = { method: 'POST', json: { dataset: 'images', format: 'csv' } };
  const asked = (await api<{ export: Export; job: Job }>('/v1/exports', wanted)).body;
  const met = await jobWhen(service.url, asked.job, ({ error }) => error !== null);
  t.match(met.error, { code: 'STORAGE_FULL', status: 507 }, 'an export meets it too');
  t.equal((await api(asked.export.url)).status, 409, 'and has no file');

  await disk.free(service, [service.pid, worker]);
  const job = await ended(api, body.job);
  t.match(job, { state: 'completed', error: null });
  t.ok(job.attempts.made > 1, `${job.attempts.made} attempts`);
  t.match(await ended(api, asked.job), { state: 'completed', error: null });
  t.equal((await api(asked.export.url)).status, 200);
  t.equal((await api(madeBy(job)[0]?.url ?? '')).status, 200);
});

await t.test('a part of an upload that does not fit: 507, and none of it is kept', async (t) => {
  const file = await bitmap(1000, 900);
  const path = await begin(api, file.length, {});
  const { status, body } = await sendPart<ProblemBody>(api, path, 0, file);
  t.same([status, body.code], [507, 'STORAGE_FULL']);
  t.equal(await offsetOf(service, path), 0);
  const small = await picture();
  const { headers } = await tusUpload(service.url, small);
  const image = await api<Image>(headers.get('halftone-image') ?? '');
  t.equal(image.body.sha256, sha256(small), 'what fits is taken, beside what did not');
});

await t.test('nothing has to be restarted', async (t) => {
  t.equal((await upload(api, await picture())).status, 201);
  t.equal((await api('/readyz')).status, 200);
  t.same(await filesLeft({ dataDir }), []);
});
