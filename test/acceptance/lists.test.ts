import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import type { Rendition } from '../../lib/renditions/rendition.js';
import { ended, type ListBody, type ProblemBody, upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { noise } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const service = await startService(t);
const api = await openApi(service.url);

const small = await uploadAndWait(api, await noise(60, 40).png().toBuffer(), {
  filename: 'small.png',
  presets: ['thumbnail', 'small'],
  metadata: { kind: 'first' },
});
const wide = await uploadAndWait(api, await noise(300, 50).jpeg().toBuffer(), {
  filename: 'wide.jpg',
  renditions: [{ name: 'tiny', width: 16, format: 'png' }],
});
const whole = await noise(90, 90).jpeg().toBuffer();
const broken = (
  await upload(api, whole.subarray(0, whole.length / 2), { filename: 'broken.jpg', presets: ['small'] })
).body;
const failed = await ended(api, broken.job);
t.before(() => {
  if (failed.state !== 'failed') throw new Error(`the broken picture's job is ${failed.state}`);
});

/** The names of what a list of images holds. */
async function names(query: string): Promise<string[]> {
  const { body } = await api<ListBody<Image>>(`/v1/images?sort=createdAt&${query}`);
  return body.data.map(({ filename }) => filename);
}

await t.test('each filter of images', async (t) => {
  const all = ['small.png', 'wide.jpg', 'broken.jpg'];
  t.same(await names(''), all);
  const { createdAt, bytes, sha256 } = wide.image;
  for (const [query, expected] of [
    ['contentType=image/jpeg', ['wide.jpg', 'broken.jpg']],
    ['contentType=image/gif', []],
    ['filename=wide.jpg', ['wide.jpg']],
    ['filename=wide', []],
    [`sha256=${sha256}`, ['wide.jpg']],
    ['minWidth=90', ['wide.jpg', 'broken.jpg']],
    ['maxWidth=60', ['small.png']],
    ['minHeight=50&maxHeight=89', ['wide.jpg']],
    [`minBytes=${bytes}&maxBytes=${bytes}`, ['wide.jpg']],
    [`createdAfter=${createdAt}`, ['broken.jpg']],
    [`createdBefore=${createdAt}`, ['small.png']],
    ['contentType=image/jpeg&minWidth=100', ['wide.jpg']],
  ] as const) {
    t.same(await names(query), expected, query);
  }
  for (const [query, path] of [
    ['contentType=text/plain', 'contentType'],
    ['minWidth=wide', 'minWidth'],
    ['sha256=abc', 'sha256'],
    ['createdAfter=yesterday', 'createdAfter'],
    ['createdAfter=2026-02-30T00:00:00Z', 'createdAfter'],
    ['state=failed', 'state'],
  ]) {
    const { status, body } = await api<ProblemBody>(`/v1/images?${query}`);
    t.same([status, body.errors?.[0]?.path], [400, path ?? ''], query ?? '');
  }
});

await t.test('each filter of jobs', async (t) => {
  const list = async (query: string) =>
    (await api<ListBody<Job>>(`/v1/jobs?${query}`)).body.data.map(({ id }) => id);
  const [one, two, three] = [small.job.id, wide.job.id, failed.id];
  for (const [query, expected] of [
    ['', [three, two, one]],
    ['sort=createdAt', [one, two, three]],
    ['state=failed', [three]],
    ['state=failed&type=resize', [three]],
    ['state=queued', []],
    ['priority=normal', [three, two, one]],
    ['priority=high', []],
    [`imageId=${wide.image.id}`, [two]],
    [`createdAfter=${wide.job.createdAt}`, [three]],
    [`createdBefore=${wide.job.createdAt}`, [one]],
  ] as const) {
    t.same(await list(query), expected, query);
  }
  for (const query of ['state=done', 'type=paint', 'imageId=nope', 'priority=urgent']) {
    t.equal((await api(`/v1/jobs?${query}`)).status, 400, query);
  }
});

await t.test('renditions of one image, by name and type', async (t) => {
  const list = async (query: string) => {
    const { body } = await api<ListBody<Rendition>>(`${small.image.links.renditions}?${query}`);
    return body.data.map(({ name }) => name).sort();
  };
  t.same(await list(''), ['small', 'thumbnail']);
  t.same(await list('name=small'), ['small']);
  t.same(await list('contentType=image/webp'), ['small', 'thumbnail']);
  t.same(await list('contentType=image/png'), []);
});

await t.test('only the asked fields come back', async (t) => {
  const path = `/v1/images?filename=small.png`;
  const rows = async (query: string) => (await api<ListBody<Image>>(`${path}&${query}`)).body.data;
  t.same(await rows('fields=id,filename'), [{ id: small.image.id, filename: 'small.png' }]);
  t.same(await rows('fields[images]=filename'), [{ filename: 'small.png' }]);
  t.same(await rows('fields=links.self'), [{ links: { self: `/v1/images/${small.image.id}` } }]);
  t.same(await rows('fields=metadata'), [{ metadata: { kind: 'first' } }]);
  t.same(await rows('fields=links,links.self'), [{ links: small.image.links }]);
  const [embedding] = await rows('fields=renditions.url,renditions.name');
  t.same(Object.keys(embedding ?? {}), ['renditions']);
  t.same(
    new Set(embedding?.renditions?.map(({ url }) => url)),
    new Set(small.renditions.map(({ url }) => url)),
  );
  t.same(Object.keys(embedding?.renditions?.[0] ?? {}).sort(), ['name', 'url']);
  t.notOk('renditions' in ((await rows(''))[0] ?? {}), 'lists embed renditions only when asked');

  const { body: one } = await api(`/v1/images/${small.image.id}?fields=id,renditions.name`);
  t.same(one, { id: small.image.id, renditions: small.renditions.map(({ name }) => ({ name })) });
  const { body: jobs } = await api(`/v1/jobs?state=failed&fields=attempts.made,error.code,links`);
  t.match(jobs, {
    data: [{ attempts: { made: 1 }, error: { code: 'IMAGE_CORRUPT' }, links: { self: failed.links.self } }],
  });
  const { body: renditions } = await api(`${wide.image.links.renditions}?fields[renditions]=name,width`);
  t.match(renditions, { data: [{ name: 'tiny', width: 16 }] });
});

await t.test('an unknown field is named, and so are the known ones', async (t) => {
  for (const [path, name, known] of [
    ['/v1/images?fields=id,colour', 'colour', 'filename'],
    ['/v1/images?fields[images]=colour', 'colour', 'renditions.url'],
    ['/v1/images?fields=links.nope', 'links.nope', 'links.self'],
    ['/v1/images?fields=id,', '""', 'filename'],
    ['/v1/images?fields=__proto__', '__proto__', 'filename'],
    [`/v1/images/${small.image.id}?fields=colour`, 'colour', 'filename'],
    ['/v1/jobs?fields=request', 'request', 'attempts.made'],
    [`${small.image.links.renditions}?fields=colour`, 'colour', 'imageId'],
  ] as const) {
    const { status, body } = await api<ProblemBody>(path);
    t.same([status, body.code], [400, 'FIELD_UNKNOWN'], path);
    t.ok(body.detail.includes(name), `${body.detail} names ${name}`);
    t.ok(body.detail.includes(known), `${body.detail} lists ${known}`);
    t.match(body.errors?.[0]?.path, /^fields/);
  }
  t.equal((await api('/v1/images?fields=')).status, 400);
  t.equal((await api('/v1/jobs?fields[images]=id')).status, 400, 'another resource’s name');
});
