import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, madeBy, type ProblemBody, type Uploaded } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { latch } from '../helpers/events.js';
import { picture } from '../helpers/pictures.js';
import { answerWith, cut, hang, startGarbage } from '../helpers/receiver.js';
import { file, redirect, startRemote, trickle, versioned } from '../helpers/remote.js';
import { filesLeft, startService } from '../helpers/service.js';

const MAX_BYTES = 100_000;
const remote = await startRemote(t);
const service = await startService(t, {
  env: {
    ALLOW_PRIVATE_HOSTS: 'true',
    JOB_ATTEMPTS: '1',
    SOURCE_TIMEOUT_SECONDS: '2',
    MAX_UPLOAD_BYTES: String(MAX_BYTES),
  },
});
const api = await openApi(service.url);

function ask<Body = Uploaded>(json: unknown, headers: Record<string, string> = {}) {
  return api<Body>('/v1/images', { method: 'POST', json, headers });
}

/** Asks for an image and waits for its job's end. */
async function fetched(url: string, more: object = {}): Promise<Job> {
  const { status, body } = await ask({ url, ...more });
  if (status !== 202) throw new Error(JSON.stringify(body));
  return ended(api, body.job);
}

await t.test('private hosts are let in, and the log says so', async (t) => {
  const { level } = await service.logged(({ msg }) => msg.startsWith('ALLOW_PRIVATE_HOSTS is on'));
  t.equal(level, 40, 'a warning');
});

await t.test('an image from a URL, from the request to the renditions', async (t) => {
  remote.paths.set('/photo%20one.png', file(await picture()));
  const { status, headers, body } = await ask({
    url: `${remote.url}/photo%20one.png#top`,
    presets: ['thumbnail'],
    renditions: [{ name: 'wide', width: 32 }],
    metadata: { camera: 'X100' },
  });
  t.equal(status, 202);
  t.notOk('image' in body, 'there is none yet');
  t.equal(headers.get('location'), `/v1/jobs/${body.job.id}`);
  t.equal(headers.get('retry-after'), '1');
  t.match(body.job, { type: 'resize', imageId: null, result: null });
  const job = await ended(api, body.job);
  t.match(job, { state: 'completed', error: null, result: { imageId: job.imageId } });
  t.same(
    madeBy(job).map(({ name }) => name),
    ['thumbnail', 'wide'],
  );
  const { body: image } = await api<Image>(`/v1/images/${job.imageId}`);
  t.match(image, { filename: 'photo one.png', metadata: { camera: 'X100' }, renditions: [{}, {}] });
  const [request] = remote.received.items;
  t.match(request, { method: 'GET', path: '/photo%20one.png', headers: { 'accept-encoding': 'identity' } });
  t.same(await filesLeft(service), []);
});

await t.test('who waits gets the image, or the reason why there is none', async (t) => {
  remote.paths.set('/a.png', file(await picture()));
  const done = await ask({ url: `${remote.url}/a.png`, filename: '../b.png' }, { prefer: 'wait=20' });
  t.equal(done.status, 201);
  t.equal(done.headers.get('location'), done.body.image.links.self);
  t.match(done.body, { image: { filename: 'b.png', renditions: [] }, job: { state: 'completed' } });
  t.same(madeBy(done.body.job), [], 'fetched, and nothing made of it');

  const failed = await ask({ url: `${remote.url}/none.png` }, { prefer: 'wait=20' });
  t.equal(failed.status, 200);
  t.equal(failed.headers.get('location'), failed.body.job.links.self);
  t.notOk('image' in failed.body);
  t.match(failed.body.job, { state: 'failed', imageId: null, error: { code: 'REMOTE_REFUSED' } });
  t.match(failed.body.job.error?.detail, /answered 404/);
});

await t.test('what is in JSON that is not right', async (t) => {
  const url = `${remote.url}/a.png`;
  const rows: [unknown, string, string?][] = [
    [{}, 'url'],
    [{ url: 1 }, 'url'],
    [{ url: '' }, 'url'],
    [{ url: 'example.com/a.png' }, 'url'],
    [{ url: 'ftp://example.com/a.png' }, 'url'],
    [{ url: 'file:///etc/passwd' }, 'url'],
    [{ url: 'http://user:secret@example.com/a.png' }, 'url'],
    [{ url: `${url}?${'x'.repeat(3_000 - url.length)}` }, 'url'],
    [{ url, file: 'x' }, 'file'],
    [{ url, width: 10 }, 'width'],
    [{ url, presets: 'small' }, 'presets'],
    [{ url, presets: ['nope'] }, 'presets', 'PRESET_UNKNOWN'],
    [{ url, preset: ['nope'] }, 'preset', 'PRESET_UNKNOWN'],
    [{ url, preset: ['small'], presets: ['small'] }, 'preset'],
    [{ url, presets: Array.from({ length: 51 }, () => 'small') }, 'renditions'],
    [{ url, renditions: [{ width: 0 }] }, 'renditions.0.width'],
    [{ url, renditions: {} }, 'renditions'],
    [{ url, metadata: [] }, 'metadata'],
    [{ url, metadata: { a: 'x'.repeat(17_000) } }, 'metadata'],
    [{ url, priority: 'urgent' }, 'priority'],
    [{ url, runAt: 'tomorrow' }, 'runAt'],
  ];
  for (const [json, path, code = 'VALIDATION_FAILED'] of rows) {
    const { status, body } = await ask<ProblemBody>(json);
    t.same([status, body.code], [400, code], JSON.stringify(json).slice(0, 80));
    t.equal(body.errors?.[0]?.path, path, JSON.stringify(json).slice(0, 80));
  }
  for (const json of [null, [], 'x', 1]) t.equal((await ask<ProblemBody>(json)).status, 400);
  const raw = (body: string) =>
    api<ProblemBody>('/v1/images', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  t.equal((await raw('{')).body.code, 'JSON_INVALID');
  t.equal((await raw('')).body.code, 'BODY_EMPTY');
  t.equal((await raw(`{"url":"${'x'.repeat(1_100_000)}"}`)).status, 413);
  const form = new FormData();
  form.append('file', new Blob([new Uint8Array(await picture())]), 'a.png');
  form.append('url', url);
  const both = await api<ProblemBody>('/v1/images', { method: 'POST', body: form });
  t.same([both.status, both.body.errors?.[0]?.path], [400, 'url'], 'a file and a URL');
});

await t.test('what the host gives that is not right', async (t) => {
  const png = await picture();
  const cut200 = `HTTP/1.1 200 OK\r\ncontent-length: ${png.length}\r\n\r\n`;
  const answers: Record<string, Parameters<typeof remote.paths.set>[1]> = {
    '/hang': hang,
    '/slow': trickle(png.subarray(0, 100)),
    '/large': file(Buffer.concat([png, Buffer.alloc(MAX_BYTES)])),
    '/large-chunked': (_request, response) => {
      response.writeHead(200).write(png);
      response.end(Buffer.alloc(MAX_BYTES));
    },
    '/loop': redirect('/loop'),
    '/away': redirect('ftp://example.com/a.png'),
    '/credentials': redirect('http://user:secret@127.0.0.1/'),
    '/nowhere': answerWith(302, ''),
    '/text': answerWith(200, 'I am no image', { 'content-type': 'image/png' }),
    '/empty': answerWith(200, ''),
    '/gzip': file(gzipSync(png), { 'content-encoding': 'gzip' }),
    '/part': answerWith(206, 'x'),
    '/unchanged': answerWith(304),
    '/gone': answerWith(410),
    '/broken': answerWith(500),
    '/cut': cut,
  };
  for (const [path, answer] of Object.entries(answers)) remote.paths.set(path, answer);
  const urls: [string, string][] = [
    [`${remote.url}/hang`, 'REMOTE_TIMED_OUT'],
    [`${remote.url}/text`, 'MEDIA_TYPE_UNSUPPORTED'],
    [`${remote.url}/slow`, 'REMOTE_TIMED_OUT'],
    [`${remote.url}/large`, 'UPLOAD_TOO_LARGE'],
    [`${remote.url}/large-chunked`, 'UPLOAD_TOO_LARGE'],
    [`${remote.url}/loop`, 'REMOTE_UNREACHABLE'],
    [`${remote.url}/away`, 'ADDRESS_NOT_ALLOWED'],
    [`${remote.url}/credentials`, 'ADDRESS_NOT_ALLOWED'],
    [`${remote.url}/nowhere`, 'REMOTE_REFUSED'],
    [`${remote.url}/empty`, 'BODY_EMPTY'],
    [`${remote.url}/gzip`, 'REMOTE_REFUSED'],
    [`${remote.url}/part`, 'REMOTE_REFUSED'],
    [`${remote.url}/unchanged`, 'REMOTE_REFUSED'],
    [`${remote.url}/gone`, 'REMOTE_REFUSED'],
    [`${remote.url}/broken`, 'REMOTE_UNREACHABLE'],
    [`${remote.url}/cut`, 'REMOTE_UNREACHABLE'],
    [await startGarbage(t, 'SSH-2.0-OpenSSH_9.9\r\n'), 'REMOTE_UNREACHABLE'],
    [await startGarbage(t, `${cut200}${png.subarray(0, 1_000).toString('latin1')}`), 'REMOTE_UNREACHABLE'],
  ];
  for (const [url, code] of urls) {
    const job = await fetched(url, { presets: ['thumbnail'] });
    t.match(job, { state: 'failed', imageId: null, error: { code } }, url);
  }
  t.same(await filesLeft(service), []);
});

await t.test('redirects are followed, and the type is that of the bytes', async (t) => {
  remote.paths.set('/old', redirect('/new?x=1', 301));
  remote.paths.set('/new?x=1', redirect(`${remote.url}/real`, 307));
  remote.paths.set('/real', file(await picture(), { 'content-type': 'text/html' }));
  const job = await fetched(`${remote.url}/old`);
  t.equal(job.state, 'completed');
  const { body } = await api<Image>(`/v1/images/${job.imageId}`);
  t.match(body, { filename: 'old', contentType: 'image/png' });
});

await t.test('a source that has not changed is not fetched again', async (t) => {
  const [first, second] = [await picture(), await picture()];
  const url = `${remote.url}/versioned`;
  const conditions = () =>
    remote.received.items
      .filter(({ path }) => path === '/versioned')
      .map(({ headers }) => headers['if-none-match']);
  remote.paths.set('/versioned', versioned(first, '"one"'));
  const one = await fetched(url);
  const same = await fetched(url, { presets: ['thumbnail'] });
  t.equal(same.imageId, one.imageId);
  t.equal(madeBy(same).length, 1, 'of the image that stands');
  t.same(conditions(), [undefined, '"one"']);

  remote.paths.set('/versioned', versioned(second, '"two"'));
  const other = await fetched(url);
  t.not(other.imageId, one.imageId);
  t.same(conditions(), [undefined, '"one"', '"one"']);
  await fetched(url);
  t.equal(conditions().at(-1), '"two"');

  t.equal((await api(`/v1/images/${other.imageId}`, { method: 'DELETE' })).status, 204);
  const again = await fetched(url);
  t.not(again.imageId, other.imageId);
  t.equal(conditions().at(-1), undefined, 'of an image that is gone nothing is remembered');
});

await t.test('what a host said of its version goes to no other', async (t) => {
  const elsewhere = await startRemote(t);
  elsewhere.paths.set('/a', versioned(await picture(), '"theirs"'));
  remote.paths.set('/lead', redirect(`${elsewhere.url}/a`));
  const one = await fetched(`${remote.url}/lead`);
  const two = await fetched(`${remote.url}/lead`);
  t.equal(one.imageId, two.imageId);
  t.same(
    elsewhere.received.items.map(({ headers }) => headers['if-none-match']),
    [undefined, '"theirs"'],
  );
  const leads = remote.received.items.filter(({ path }) => path === '/lead');
  t.same(
    leads.map(({ headers }) => headers['if-none-match']),
    [undefined, undefined],
  );
});

await t.test('the same asked twice at once is one job', async (t) => {
  const answered = latch();
  const bytes = await picture();
  remote.paths.set('/once', async (request, response) => {
    await answered.opened;
    file(bytes)(request, response);
  });
  const json = { url: `${remote.url}/once`, presets: ['thumbnail'], metadata: { a: 1, b: 2 } };
  const one = (await ask(json)).body.job;
  const two = (await ask({ ...json, url: `${json.url}#x`, metadata: { b: 2, a: 1 } })).body.job;
  t.equal(one.id, two.id);
  answered.open();
  t.equal((await ended(api, one)).state, 'completed');
  t.equal(remote.asked('/once'), 1);
});

await t.test('a job that is cancelled leaves the host alone', async (t) => {
  const left = latch();
  remote.paths.set('/endless', (request) => void request.socket.once('close', left.open));
  const { body } = await ask({ url: `${remote.url}/endless` });
  await remote.received.until((items) => items.some(({ path }) => path === '/endless'));
  await api(`/v1/jobs/${body.job.id}`, { method: 'DELETE' });
  await left.opened;
  t.equal((await ended(api, body.job)).state, 'cancelled');
});

await t.test('an Idempotency-Key', async (t) => {
  remote.paths.set('/key', file(await picture()));
  const headers = { 'idempotency-key': 'source-1' };
  const [first, second, other] = [
    await ask({ url: `${remote.url}/key` }, headers),
    await ask({ url: `${remote.url}/key` }, headers),
    await ask<ProblemBody>({ url: `${remote.url}/else` }, headers),
  ];
  t.equal(second.headers.get('idempotency-replayed'), 'true');
  t.same(second.body, first.body);
  t.equal(other.status, 422);
});
