import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Job } from '../../lib/jobs/job.js';
import type { Quotas, Tenant } from '../../lib/tenants/tenant.js';
import { ended, type ListBody, type ProblemBody, type Uploaded, upload } from '../helpers/client.js';
import { type Answer, type Api, openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { storedFiles } from '../helpers/faults.js';
import { makeKey, withKey } from '../helpers/keys.js';
import { bitmap, picture, plain } from '../helpers/pictures.js';
import { startReceiver } from '../helpers/receiver.js';
import { startService } from '../helpers/service.js';
import { begin, sendPart, tusHeaders } from '../helpers/tus.js';

const outside = await startReceiver(t, async (_request, response) => void response.end(await picture()));
const service = await startService(t, {
  env: { AUTH: 'on', RESIZE_THREADS: '1', ALLOW_PRIVATE_HOSTS: 'true', QUOTA_IMAGES: '1000' },
});
const stranger = await openApi(service.url);
const operator = withKey(stranger, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());

type Changes = { readonly [Name in keyof Quotas]?: number | null };
type Refusable<Body> = Answer<Body & ProblemBody>;

const setQuotas = (tenant: string, quotas: Changes, api = operator) =>
  api<Tenant & ProblemBody>(`/v1/tenants/${tenant}`, { method: 'PATCH', json: { quotas } });
const usageOf = async (tenant: string) => (await operator<Tenant>(`/v1/tenants/${tenant}`)).body.usage;
const makeTenant = async (tenant: string, quotas: Changes): Promise<Api> => {
  const { api } = await makeKey(operator, stranger, { tenant, role: 'admin' });
  const { status } = Object.keys(quotas).length > 0 ? await setQuotas(tenant, quotas) : { status: 200 };
  if (status !== 200) throw new Error(`the quotas of ${tenant} were not set: ${status}`);
  return api;
};
const post = <Body = { job: Job }>(api: Api, path: string, json: unknown): Promise<Refusable<Body>> =>
  api<Body & ProblemBody>(path, { method: 'POST', json });
const put = async (api: Api, presets: string[] = []): Promise<Refusable<Uploaded>> =>
  upload<Uploaded & ProblemBody>(api, await picture(), { presets });

function assertRefused(t: Test, answer: Answer<ProblemBody>, quota: keyof Quotas, about = ''): void {
  t.match(answer, { status: 403, body: { code: 'QUOTA_EXCEEDED', errors: [{ path: quota }] } }, about);
}

await t.test('operators set them; a tenant’s admins read their own', async (t) => {
  const api = await makeTenant('read', {});
  const defaults = { bytes: 0, images: 1000, queuedJobs: 0, megapixelsAnHour: 0 };
  t.match((await api<Tenant>('/v1/tenants/read')).body, { id: 'read', quotas: defaults });
  await put(api);
  const { body } = await setQuotas('read', { bytes: 5_000_000, images: null });
  t.match(body, {
    id: 'read',
    quotas: { ...defaults, bytes: 5_000_000 },
    usage: { images: 1, queuedJobs: 0 },
  });
  t.ok((body.usage.bytes ?? 0) > 1000);
  t.match((await setQuotas('read', { images: 0 })).body.quotas, { bytes: 5_000_000, images: 0 });
  t.equal((await setQuotas('read', { images: 1 }, api)).status, 403);
  t.equal((await api('/v1/tenants/default')).status, 404);
  t.equal((await operator('/v1/tenants/nobody')).status, 404);
  t.equal((await setQuotas('nobody', { images: 1 })).status, 404);
  t.equal((await setQuotas('read', { images: -1 })).body.errors?.[0]?.path, 'quotas.images');
  t.equal((await setQuotas('read', {})).status, 400);
  t.equal((await api('/v1/tenants')).status, 403);
});

await t.test('tenants are listed, page by page', async (t) => {
  await makeTenant('listed', { images: 3 });
  const first = await operator<ListBody<Tenant>>('/v1/tenants?limit=1&sort=createdAt');
  t.same(
    first.body.data.map(({ id }) => id),
    ['default'],
  );
  const rest = await operator<ListBody<Tenant>>(
    `/v1/tenants?sort=createdAt&after=${first.body.pagination.nextCursor}`,
  );
  t.match(
    rest.body.data.find(({ id }) => id === 'listed'),
    { quotas: { images: 3 }, usage: { images: 0, bytes: 0 } },
  );
  t.equal((await operator('/v1/tenants?after=bm9uZQ')).status, 400);
});

await t.test('images: a place is free again when one is deleted, and none is taken twice', async (t) => {
  const api = await makeTenant('images', { images: 3 });
  const made = await Promise.all(Array.from({ length: 8 }, () => put(api)));
  t.equal(made.filter(({ status }) => status === 201).length, 3);
  const refused = made.find(({ status }) => status !== 201);
  if (refused) assertRefused(t, refused, 'images');
  t.match(refused?.body.detail, /3, of which 3 are used/);
  const [kept] = made.filter(({ status }) => status === 201);
  if (!kept) throw new Error('none was made');
  t.equal((await usageOf('images')).images, 3);
  const { self, content } = kept.body.image.links;
  const again = await upload<Uploaded>(api, (await api(content)).bytes);
  t.equal(again.body.image.id, kept.body.image.id, 'what it has already takes no place');
  await api(self, { method: 'DELETE' });
  t.equal((await put(api)).status, 201);
  assertRefused(t, await put(api), 'images');
});

await t.test('bytes: originals and renditions, and nothing is left of what is refused', async (t) => {
  const api = await makeTenant('bytes', { bytes: 20_000 });
  const first = await put(api, ['thumbnail']);
  await ended(api, first.body.job);
  const { bytes = 0 } = await usageOf('bytes');
  const { body } = await api<{ renditions: { bytes: number }[] }>(first.body.image.links.self);
  t.equal(bytes, first.body.image.bytes + (body.renditions[0]?.bytes ?? 0));
  const before = await storedFiles(service, 'originals');
  assertRefused(t, await upload(api, await bitmap(100, 100)), 'bytes');
  t.same(await storedFiles(service, 'originals'), before);
  await api(first.body.image.links.self, { method: 'DELETE' });
  t.same(await usageOf('bytes'), { bytes: 0, images: 0, queuedJobs: 0, megapixelsAnHour: 0 });
});

await t.test('bytes: an upload in parts takes what it announces until it ends', async (t) => {
  const api = await makeTenant('parts', { bytes: 20_000 });
  const announce = (size: number) =>
    api<ProblemBody>('/v1/uploads', {
      method: 'POST',
      headers: { ...tusHeaders, 'upload-length': String(size) },
    });
  assertRefused(t, await announce(20_001), 'bytes');
  const both = await Promise.all([announce(12_000), announce(12_000)]);
  t.same(both.map(({ status }) => status).sort(), [201, 403], 'not both get the last place');
  const taken = both.find(({ status }) => status === 201)?.headers.get('location') ?? '';
  assertRefused(t, await announce(9_000), 'bytes');
  t.equal((await api(taken, { method: 'DELETE', headers: tusHeaders })).status, 204);
  t.equal((await announce(12_000)).status, 201);
});

await t.test('images that come in parts, by URL or by import are counted like others', async (t) => {
  const api = await makeTenant('ways', { images: 1 });
  await put(api);
  const bytes = await picture();
  const path = await begin(api, bytes.length, {});
  assertRefused(t, await sendPart<ProblemBody>(api, path, 0, bytes), 'images', 'in parts');
  const byUrl = await post(api, '/v1/images', { url: `${outside.url}/a.png` });
  t.match((await ended(api, byUrl.body.job)).error, { code: 'QUOTA_EXCEEDED', errors: [{ path: 'images' }] });
  const { body } = await importOf(api, 1);
  await ended(api, body.job);
  t.match(String((await api(`/v1/imports/${body.job.id}/report`)).bytes), /QUOTA_EXCEEDED/);
});

await t.test('queued jobs: singles, batches, imports and retries', async (t) => {
  const api = await makeTenant('jobs', { queuedJobs: 3 });
  const image = (await put(api)).body.image.id;
  await operator('/v1/queues/resize/pause', { method: 'POST' });
  t.teardown(() => operator('/v1/queues/resize/resume', { method: 'POST' }));
  const batch = (widths: number[], images: string[]) =>
    post(api, '/v1/batches', { images, renditions: widths.map((width) => ({ width })) });
  const images = [image];
  for (let left = 3; left > 0; left--) images.push((await put(api)).body.image.id);
  assertRefused(t, await batch([5], images), 'queuedJobs', 'four members');
  const asked = await Promise.all(Array.from({ length: 8 }, () => put(api, ['thumbnail'])));
  t.equal(asked.filter(({ status }) => status === 202).length, 3);
  t.equal((await usageOf('jobs')).queuedJobs, 3);
  const [first] = asked.filter(({ status }) => status === 202);
  const job = `/v1/jobs/${first?.body.job.id}`;
  await api(job, { method: 'DELETE' });
  t.equal((await post(api, `/v1/images/${image}/renditions`, { renditions: [{ width: 7 }] })).status, 202);
  assertRefused(t, await post(api, `${job}/retry`, undefined), 'queuedJobs', 'a retry');
  assertRefused(t, await batch([6], [image]), 'queuedJobs', 'a batch of one');
  await operator('/v1/queues/resize/resume', { method: 'POST' });
  await eventually(async () => ((await usageOf('jobs')).queuedJobs === 0 ? true : undefined));
  t.equal((await post(api, `${job}/retry`, undefined)).status, 202);
  await eventually(async () => ((await usageOf('jobs')).queuedJobs === 0 ? true : undefined));
  const small = await batch([8], images.slice(0, 2));
  t.match(await ended(api, small.body.job), { state: 'completed', result: { members: { completed: 2 } } });
  const { body } = await importOf(api, 12);
  const imported = await ended(api, body.job);
  t.match(
    imported,
    { state: 'completed', result: { members: { completed: 12 } } },
    'it holds back, and gets there',
  );
});

await t.test('megapixels an hour', async (t) => {
  const api = await makeTenant('pixels', { megapixelsAnHour: 1 });
  const large = async () => {
    const file = await plain(1000, 600).png().toBuffer();
    return upload<Uploaded & ProblemBody>(api, file, { presets: ['thumbnail'] });
  };
  const [one, other] = await Promise.all([large(), large()]);
  const [passed, refused] = one.status === 202 ? [one, other] : [other, one];
  t.equal(passed.status, 202);
  t.match(refused, { status: 429, body: { code: 'QUOTA_USED_UP', errors: [{ path: 'megapixelsAnHour' }] } });
  const seconds = Number(refused.headers.get('retry-after'));
  t.ok(seconds > 3500 && seconds <= 3600);
  t.equal((await usageOf('pixels')).megapixelsAnHour, 1);
  t.equal((await put(api)).status, 201, 'what nobody has to read costs nothing');
});

await t.test('who has no quotas is not held up by those who have', async (t) => {
  const api = await makeTenant('free', { images: 0 });
  t.same((await operator<ListBody<Tenant>>('/v1/tenants?limit=1')).body.data[0]?.usage.images, null);
  await put(api);
  t.equal((await usageOf('free')).images, 1, 'counted when it is asked for');
});

function importOf(api: Api, rows: number) {
  const urls = Array.from({ length: rows }, (_, row) => `${outside.url}/${row}.png`);
  return api<{ job: Job }>('/v1/imports', {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: ['url', ...urls, ''].join('\n'),
  });
}
