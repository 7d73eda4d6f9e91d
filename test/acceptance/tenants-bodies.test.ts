import { randomUUID } from 'node:crypto';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import type { Export } from '../../lib/exports/export.js';
import type { Job } from '../../lib/jobs/job.js';
import type { Schedule } from '../../lib/schedules/schedule.js';
import { ended, madeBy, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { follow, type ReceivedEvent } from '../helpers/event-stream.js';
import { eventually } from '../helpers/events.js';
import { withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startReceiver } from '../helpers/receiver.js';
import { startService } from '../helpers/service.js';
import { temporaryFolder } from '../helpers/services.js';
import { makeTenant, plainUpload, type Things } from '../helpers/tenants.js';
import { begin, sendPart } from '../helpers/tus.js';

// What walks of paths do not see: bodies that name another tenant's things, streams, and what two tenants share
// without knowing.
const file = await picture();
const outside = await startReceiver(t, (request, response) =>
  request.method === 'GET' ? void response.end(file) : void response.writeHead(204).end(),
);
const folder = await temporaryFolder(t);
for (const name of ['alpha', 'bravo']) {
  await mkdir(join(folder, name));
  await writeFile(join(folder, name, `${name}.png`), await picture());
}
await writeFile(join(folder, 'root.png'), file);
await symlink(join(folder, 'alpha', 'alpha.png'), join(folder, 'bravo', 'link.png'));
const service = await startService(t, {
  env: { AUTH: 'on', RESIZE_THREADS: '1', ALLOW_PRIVATE_HOSTS: 'true', IMPORT_FOLDER: folder },
});
const stranger = await openApi(service.url);
const operator = withKey(stranger, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());
const theirs = await makeTenant(operator, stranger, 'alpha', outside);
const own = await makeTenant(operator, stranger, 'bravo', outside);
const { things } = theirs;
const sql = connectPostgres(service.databaseUrl ?? '', { max: 1 });
t.teardown(() => sql.end());

await t.test('a body that names what is another’s is refused like one that names nothing', async (t) => {
  const renditions = [{ width: 4 }];
  const images = [own.things.image];
  const bodies: [string, string, (name: string) => unknown][] = [
    ['/v1/batches', things.image, (id) => ({ images: [own.things.image, id], renditions })],
    // biome-ignore lint/suspicious/noThenProperty: the contract's name, and nobody awaits it.
    ['/v1/batches', things.webhook, (id) => ({ images, renditions, then: [{ notify: { webhookId: id } }] })],
    ['/v1/batches', things.preset, (name) => ({ images, presets: [name] })],
    ['/v1/exports', things.webhook, (id) => csv({ notify: { webhookId: id } })],
    [`/v1/images/${own.things.image}/renditions`, things.preset, (name) => ({ presets: [name] })],
    ['/v1/keys', things.tenant, (tenant) => ({ tenant, role: 'reader' })],
  ];
  for (const [path, name, body] of bodies) {
    const send = async (each: string) => {
      const { status, bytes, headers } = await own.api(path, { method: 'POST', json: body(each) });
      const id = headers.get('x-request-id') ?? '';
      return [status, String(bytes).replaceAll(each, '<name>').replaceAll(id, '<request>')];
    };
    const [got, expected] = [await send(name), await send(nothingLike(name))];
    t.same(got, expected, path);
    t.ok(Number(got[0]) >= 400 && Number(got[0]) < 500, `${path}: ${got[0]}`);
  }
});

await t.test('an upload, in one or in parts, knows only the presets of its tenant', async (t) => {
  const whole = await upload(own.api, await picture(), { presets: [things.preset] });
  t.match(whole, { status: 400, body: { code: 'PRESET_UNKNOWN' } });
  await t.rejects(begin(own.api, 10, { preset: things.preset }), /400 .*PRESET_UNKNOWN/);
  const { status, bytes } = await own.api('/v1/imports', {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: `url,presets\n${outside.url}/x.png,${things.preset}\n`,
  });
  t.equal(status, 202);
  const { job }: { job: Job } = JSON.parse(String(bytes));
  await ended(own.api, job);
  const report = await own.api(`/v1/imports/${job.id}/report`);
  t.match(String(report.bytes), /PRESET_UNKNOWN/);
});

await t.test('a schedule finds nothing of another tenant when it runs', async (t) => {
  const run = async (image: string) => {
    const batch = { images: [image], renditions: [{ width: 3 }] };
    const { body } = await own.api<Schedule>('/v1/schedules', {
      method: 'POST',
      json: { name: 'due', cron: '0 0 1 1 *', run: { batch } },
    });
    await sql`update schedules set next_run_at = now() - interval '1 hour' where id = ${body.id}`;
    const error = await eventually(async () => {
      const { lastError } = (await own.api<Schedule>(`/v1/schedules/${body.id}`)).body;
      return lastError ?? undefined;
    });
    await own.api(`/v1/schedules/${body.id}`, { method: 'DELETE' });
    return JSON.stringify(error).replaceAll(image, '<image>');
  };
  const error = await run(things.image);
  t.match(error, /IMAGE_UNKNOWN/);
  t.equal(error, await run(randomUUID()));
});

await t.test('an import reads files of its tenant’s folder only', async (t) => {
  const paths = ['bravo.png', 'alpha/alpha.png', '../alpha/alpha.png', 'root.png', '../root.png', 'link.png'];
  const outcomes = await Promise.all(
    paths.map(async (path) => {
      const { bytes } = await own.api('/v1/imports', {
        method: 'POST',
        headers: { 'content-type': 'text/csv' },
        body: `path\n${path}\n`,
      });
      const { job }: { job: Job } = JSON.parse(String(bytes));
      await ended(own.api, job);
      const report = String((await own.api(`/v1/imports/${job.id}/report`)).bytes);
      return /PATH_NOT_\w+/.exec(report)?.[0];
    }),
  );
  const [notFound, refused] = ['PATH_NOT_FOUND', 'PATH_NOT_ALLOWED'];
  t.same(outcomes, [undefined, notFound, refused, notFound, refused, refused]);
  const { body } = await own.api('/v1/images?limit=200');
  t.match(JSON.stringify(body), /bravo\.png/);
});

await t.test('exports, streamed and made, hold nothing of another tenant', async (t) => {
  for (const dataset of ['images', 'renditions', 'jobs']) {
    for (const filter of ['', ...filtersOf(dataset)]) {
      const path = `/v1/exports/stream?dataset=${dataset}&format=ndjson${filter}`;
      const { status, bytes } = await own.api(path);
      t.equal(status, 200, path);
      assertNothingOf(t, things, bytes, path);
      if (filter === '') t.ok(bytes.length > 0, `${path} is not empty`);
    }
    const { body } = await own.api<{ export: Export; job: Job }>('/v1/exports', {
      method: 'POST',
      json: { dataset, format: dataset === 'jobs' ? 'json' : 'zip' },
    });
    await ended(own.api, body.job);
    const made = await own.api(`/v1/exports/${body.export.id}/content`);
    t.equal(made.status, 200, dataset);
    assertNothingOf(t, things, made.bytes, dataset);
  }
});

await t.test('a batch of all images is one of the tenant’s own', async (t) => {
  const json = { filter: {}, renditions: [{ width: 2 }] };
  const { body } = await own.api<{ job: Job }>('/v1/batches', { method: 'POST', json });
  await ended(own.api, body.job);
  const members = await own.api(`/v1/jobs?parentId=${body.job.id}&limit=200`);
  assertNothingOf(t, things, members.bytes, 'members');
});

await t.test('a stream of events tells of the tenant’s own jobs only, wherever it goes on', async (t) => {
  const open = ({ token }: typeof own, lastId?: string) =>
    follow(t, service.url, '/v1/jobs/events', lastId, token);
  const [before, foreignStream] = [await open(own), await open(theirs)];
  const work = async ({ api }: typeof own) => {
    const { body } = await upload(api, await picture(), { renditions: [{ width: 6 }] });
    await ended(api, body.job);
    return body.job.id;
  };
  const foreign = await work(theirs);
  const mine = await work(own);
  const hasEnded = (id: string) => (events: readonly ReceivedEvent[]) =>
    events.some(({ job }) => job.id === id && job.state === 'completed');
  const [first] = await foreignStream.events.until(hasEnded(foreign));
  const after = await open(own, first?.id);
  for (const stream of [before, after]) {
    t.equal(stream.status, 200);
    const events = await stream.events.until(hasEnded(mine));
    t.same(
      events.filter(({ job }) => job.id === foreign),
      [],
    );
    stream.leave();
  }
});

await t.test('the Idempotency-Keys of two tenants never meet', async (t) => {
  const headers = { 'idempotency-key': randomUUID() };
  const send = ({ api }: typeof own, json: unknown) =>
    api<{ export: Export }>('/v1/exports', { method: 'POST', json, headers });
  const first = await send(theirs, csv({}));
  const other = await send(own, csv({}));
  t.same([first.status, other.status], [202, 202]);
  t.not(first.body.export.id, other.body.export.id);
  for (const { headers } of [first, other]) t.notOk(headers.has('idempotency-replayed'));
  const again = await send(theirs, csv({}));
  t.same([again.body.export.id, again.headers.get('idempotency-replayed')], [first.body.export.id, 'true']);
  const different = await send(own, csv({ sort: 'createdAt' }));
  t.equal(different.status, 422);
});

await t.test('the same bytes of two tenants are two images, and each keeps its file', async (t) => {
  const bytes = await picture();
  const made = [];
  for (const { api } of [theirs, own]) {
    const { body } = await upload(api, bytes, { renditions: [{ width: 11 }] });
    const [rendition] = madeBy(await ended(api, body.job));
    made.push({ image: body.image, rendition: rendition?.id ?? '' });
  }
  const [first, second] = made;
  if (!first || !second) throw new Error('nothing was made');
  t.not(first.image.id, second.image.id);
  const inParts = await begin(own.api, bytes.length, {});
  const { headers } = await sendPart(own.api, inParts, 0, bytes);
  t.equal(headers.get('halftone-image'), `/v1/images/${second.image.id}`, 'by any way');
  t.equal((await theirs.api(first.image.links.self, { method: 'DELETE' })).status, 204);
  t.equal((await theirs.api(first.image.links.content)).status, 404);
  t.same((await own.api(second.image.links.content)).bytes, bytes);
  const rendition = `${second.image.links.self}/renditions/${second.rendition}/content`;
  t.equal((await own.api(rendition)).status, 200);
  t.equal((await own.api(second.image.links.self, { method: 'DELETE' })).status, 204);
  t.equal((await own.api(second.image.links.content)).status, 404);
});

await t.test('a URL that both name is fetched for each', async (t) => {
  const json = { url: `${outside.url}/same.png` };
  const images = [];
  for (const { api } of [theirs, own]) {
    const { body } = await api<{ job: Job }>('/v1/images', { method: 'POST', json });
    images.push((await ended(api, body.job)).imageId ?? (await plainUpload(api, file)));
  }
  t.equal(new Set(images).size, 2);
});

function csv(more: object): object {
  return { dataset: 'images', format: 'csv', ...more };
}

function filtersOf(dataset: string): string[] {
  if (dataset === 'renditions') return [`&imageId=${things.image}`];
  return dataset === 'jobs' ? [`&imageId=${things.image}`, `&parentId=${things.batch}`] : [];
}

/** A name of the same length that nothing has. */
function nothingLike(name: string): string {
  return /^[0-9a-f-]{36}$/.test(name)
    ? randomUUID()
    : 'nothing-'.padEnd(name.length, 'x').slice(0, name.length);
}

function assertNothingOf(t: Test, { tenant: _, ...names }: Things, said: Buffer, about: string): void {
  for (const [name, value] of Object.entries(names)) t.notOk(said.includes(value), `${about}: ${name}`);
}
