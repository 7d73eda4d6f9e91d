import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { formOf, type ProblemBody } from '../helpers/client.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { noise, picture } from '../helpers/pictures.js';
import { open } from '../helpers/raw-http.js';
import { filesLeft, startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';

// Two API processes on one database; no worker, so what is queued stays as it is.
const one = await startService(t, { env: { ROLE: 'api' } });
const other = await startService(t, { env: { ROLE: 'api' }, databaseUrl: one.databaseUrl });
const sql = connect(t, one.databaseUrl ?? '');

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a POST; a fresh key where none is given. */
async function post(path: string, init: RequestInit, key: string, { url } = one): Promise<Answer> {
  const headers = new Headers(init.headers);
  headers.set('idempotency-key', key);
  const response = await fetch(`${url}${path}`, { ...init, method: 'POST', headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const json = (body: unknown): RequestInit => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});
const raw = (file: Buffer): RequestInit => ({
  body: new Uint8Array(file),
  headers: { 'content-type': 'image/png' },
});

/** The second answer is the first one again, but for what belongs to each exchange. */
function isReplay(t: Test, first: Answer, second: Answer): void {
  t.equal(second.headers.get('idempotency-replayed'), 'true');
  t.equal(first.headers.get('idempotency-replayed'), null);
  t.equal(second.status, first.status);
  t.equal(second.text, first.text);
  for (const name of [
    'content-type',
    'location',
    'retry-after',
    'preference-applied',
    'cache-control',
    'vary',
  ]) {
    t.equal(second.headers.get(name), first.headers.get(name), name);
  }
  t.not(second.headers.get('x-request-id'), first.headers.get('x-request-id'));
  t.ok(second.headers.get('server-timing'));
}

function isProblem(t: Test, { status, text, headers }: Answer, code: string): ProblemBody {
  const body: ProblemBody = JSON.parse(text);
  t.equal(body.code, code);
  t.match(headers.get('content-type'), /^application\/problem\+json/);
  t.equal(headers.get('idempotency-replayed'), null);
  t.equal(body.instance, headers.get('x-request-id'), `${status}`);
  return body;
}

async function count(table: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)}`;
  return row?.count ?? 0;
}

/** How much there is of everything that a request can make. */
async function everything(): Promise<unknown> {
  const counts = ['images', 'jobs', 'exports', 'idempotency_keys'].map(count);
  return [await Promise.all(counts), await filesLeft(one), await filesLeft(other)];
}

t.test('a form again, with another boundary: the first answer, and nothing new', async (t) => {
  const file = await picture();
  // Long enough for the answer to be compressed.
  const parts = { presets: ['thumbnail'], metadata: { text: 'x'.repeat(2000) } };
  const key = randomUUID();
  const first = await post('/v1/images', { body: formOf(file, parts) }, key);
  t.equal(first.status, 202);
  t.ok(first.headers.get('content-encoding'));
  const before = await everything();
  isReplay(t, first, await post('/v1/images', { body: formOf(file, parts) }, key));
  isReplay(t, first, await post('/v1/images', { body: formOf(file, parts) }, `"${key}"`, other));
  for (const body of [
    formOf(await picture(), parts),
    formOf(file, { ...parts, presets: ['small'] }),
    formOf(file, { ...parts, filename: 'other.png' }),
    formOf(await noise(900, 900).png().toBuffer(), parts),
  ]) {
    isProblem(t, await post('/v1/images', { body }, key), 'IDEMPOTENCY_KEY_REUSED');
  }
  t.same(await everything(), before);
  const fresh = await post('/v1/images', { body: formOf(file, parts) }, randomUUID());
  t.equal(fresh.headers.get('idempotency-replayed'), null, 'with another key it is another request');
});

t.test('a raw upload again; another file or query is another request', async (t) => {
  const file = await noise(600, 500).png().toBuffer();
  const key = randomUUID();
  const first = await post('/v1/images?preset=small', raw(file), key);
  t.equal(first.status, 202);
  const before = await everything();
  isReplay(t, first, await post('/v1/images?preset=small', raw(file), key, other));
  for (const [path, body] of [
    ['/v1/images?preset=thumbnail', file],
    ['/v1/images', file],
    ['/v1/images?preset=small', await picture()],
    ['/v1/images?preset=small', Buffer.concat([file, file])],
    ['/v1/images?preset=small', file.subarray(0, -1)],
  ] as const) {
    isProblem(t, await post(path, raw(body), key), 'IDEMPOTENCY_KEY_REUSED');
  }
  t.same(await everything(), before);
});

t.test('JSON again, in another order; and a POST without a body', async (t) => {
  const key = randomUUID();
  const first = await post('/v1/exports', json({ dataset: 'images', format: 'csv' }), key);
  t.equal(first.status, 202);
  isReplay(t, first, await post('/v1/exports', json({ format: 'csv', dataset: 'images' }), key, other));
  const changed = await post('/v1/exports', json({ dataset: 'images', format: 'json' }), key);
  t.equal(changed.status, 422);
  isProblem(t, changed, 'IDEMPOTENCY_KEY_REUSED');

  const { export: made } = JSON.parse(first.text);
  const path = `/v1/exports/${made.id}/repeat`;
  const repeat = await post(path, {}, 'a key of its own'.replaceAll(' ', '-'));
  t.equal(repeat.status, 202);
  isReplay(t, repeat, await post(path, {}, 'a-key-of-its-own'));
  isProblem(t, await post(path, {}, key), 'IDEMPOTENCY_KEY_REUSED');
  t.equal(await count('exports'), 2);
});

t.test('a refusal stands too, and names the request that it was for', async (t) => {
  const key = randomUUID();
  const wrong = json({ dataset: 'nope', format: 'csv' });
  const first = await post('/v1/exports', wrong, key);
  t.equal(first.status, 400);
  isReplay(t, first, await post('/v1/exports', wrong, key));
  t.equal(JSON.parse(first.text).instance, first.headers.get('x-request-id'));
  const missing = `/v1/images/${randomUUID()}/renditions`;
  const gone = await post(missing, json({ presets: ['small'] }), randomUUID());
  t.equal(gone.status, 404);
});

t.test('what is no key', async (t) => {
  const before = await everything();
  for (const key of ['x'.repeat(300), 'two words', '"open', '']) {
    for (const [path, init] of [
      ['/v1/exports', json({ dataset: 'images', format: 'csv' })],
      ['/v1/images', { body: formOf(await picture()) }],
      [`/v1/exports/${randomUUID()}/repeat`, {}],
    ] as const) {
      const answer = await post(path, init, key);
      t.equal(answer.status, 400);
      t.match(isProblem(t, answer, 'IDEMPOTENCY_KEY_INVALID').errors, [{ path: 'Idempotency-Key' }]);
    }
  }
  t.same(await everything(), before);
});

t.test('requests without a key, and other methods, are as they were', async (t) => {
  const before = await count('idempotency_keys');
  const body = await picture();
  for (const _ of [1, 2]) {
    t.equal((await fetch(`${one.url}/v1/images`, { method: 'POST', ...raw(body) })).status, 201);
    const headers = { 'idempotency-key': 'x'.repeat(300) };
    t.equal((await fetch(`${one.url}/v1/images`, { headers })).status, 200);
  }
  t.equal(await count('idempotency_keys'), before);
});

/** An upload that has come half-way, and has its key. */
interface HalfAnUpload {
  /** Sends the rest. @returns the answer as it came */
  end(): Promise<string>;
  breakOff(): void;
}

/** Begins an upload; once more where a busy machine refuses it at the door. */
async function halfAnUpload(url: string, file: Buffer, key: string): Promise<HalfAnUpload> {
  const before = await count('idempotency_keys');
  const socket = await open(url);
  const head = `Content-Type: image/png\r\nContent-Length: ${file.length}\r\nIdempotency-Key: ${key}\r\n`;
  socket.write(`POST /v1/images?preset=small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n`);
  socket.write(file.subarray(0, file.length / 2));
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  // Where the server is killed the connection goes with it.
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(answer)));
  const isClaimed = async (): Promise<boolean> => (await count('idempotency_keys')) > before;
  await eventually(async () => answer !== '' || (await isClaimed()) || undefined);
  if (answer !== '') {
    socket.resetAndDestroy();
    return halfAnUpload(url, file, key);
  }
  return {
    end: () => {
      socket.write(file.subarray(file.length / 2));
      return closed;
    },
    breakOff: () => socket.resetAndDestroy(),
  };
}

t.test('while the first is in flight every other one is told so, in every process', async (t) => {
  const file = await noise(900, 700).png().toBuffer();
  const key = randomUUID();
  const images = await count('images');
  const first = await halfAnUpload(one.url, file, key);
  for (const service of [one, other]) {
    const second = await post('/v1/images?preset=small', raw(file), key, service);
    t.equal(second.status, 409);
    isProblem(t, second, 'IDEMPOTENCY_KEY_IN_FLIGHT');
    t.equal(second.headers.get('retry-after'), '1');
  }
  t.same(await filesLeft(other), []);
  t.equal(await count('images'), images);
  t.match(await first.end(), /^HTTP\/1.1 202 /);
  const third = await post('/v1/images?preset=small', raw(file), key, other);
  t.equal(third.status, 202);
  t.equal(third.headers.get('idempotency-replayed'), 'true');
  t.equal(await count('images'), images + 1);
});

t.test('two at once in two processes: one is carried out', async (t) => {
  const body = json({ dataset: 'jobs', format: 'ndjson' });
  const exports = await count('exports');
  for (let round = 1; round <= 5; round++) {
    const key = randomUUID();
    const answers = await Promise.all(
      [one, other, one, other].map((each) => post('/v1/exports', body, key, each)),
    );
    const made = answers.filter(({ status }) => status === 202);
    const fresh = made.filter(({ headers }) => !headers.has('idempotency-replayed'));
    t.equal(fresh.length, 1);
    for (const answer of answers.filter(({ status }) => status !== 202)) {
      isProblem(t, answer, 'IDEMPOTENCY_KEY_IN_FLIGHT');
    }
    t.equal(await count('exports'), exports + round);
  }
});

t.test('an upload that breaks off frees its key', async (t) => {
  const file = await noise(900, 700).png().toBuffer();
  const key = randomUUID();
  const before = await count('idempotency_keys');
  const first = await halfAnUpload(one.url, file, key);
  first.breakOff();
  await eventually(async () => (await count('idempotency_keys')) === before || undefined);
  const second = await post('/v1/images?preset=small', raw(file), key);
  t.equal(second.status, 202);
  t.equal(second.headers.get('idempotency-replayed'), null);
});

t.test('a client that lost its connection while it waited comes back for the answer', async (t) => {
  const key = randomUUID();
  const jobs = await count('jobs');
  const body = formOf(await picture(), { presets: ['small'] });
  const gone = new AbortController();
  const init = { body, headers: { prefer: 'wait=60' } };
  const lost = post('/v1/images', { ...init, signal: gone.signal }, key);
  await eventually(async () => (await count('jobs')) > jobs || undefined);
  gone.abort();
  await t.rejects(lost, { name: 'AbortError' });
  const answer = await eventually(async () => {
    const again = await post('/v1/images', init, key, other);
    return again.status === 409 ? undefined : again;
  });
  t.match([answer.status, answer.headers.get('idempotency-replayed')], [202, 'true']);
  t.equal(await count('jobs'), jobs + 1);
});

t.test('a refusal that the body was not read for is not waited for, nor kept', async (t) => {
  const key = randomUUID();
  const socket = await open(one.url);
  const head = `Content-Type: image/png\r\nContent-Length: 100000\r\nIdempotency-Key: ${key}\r\n`;
  socket.write(`POST /v1/images HTTP/1.1\r\nHost: x\r\n${head}\r\n${'no image '.repeat(1000)}`);
  const [answer] = await once(socket, 'data');
  t.match(String(answer), /^HTTP\/1.1 415 /);
  socket.resetAndDestroy();
  t.equal((await post('/v1/images', raw(await picture()), key)).status, 201, 'the key is free');
});

t.test('after 24 hours a key is a new one', async (t) => {
  const key = randomUUID();
  const body = json({ dataset: 'images', format: 'csv' });
  const first = await post('/v1/exports', body, key);
  await sql`update idempotency_keys set expires_at = expires_at - interval '24 hours'`;
  const second = await post('/v1/exports', body, key);
  t.equal(second.status, 202);
  t.equal(second.headers.get('idempotency-replayed'), null);
  t.not(second.text, first.text);
  isReplay(t, second, await post('/v1/exports', body, key));
});

t.test('the key of a process that is killed lapses', async (t) => {
  const victim = await startService(t, { env: { ROLE: 'api' }, databaseUrl: one.databaseUrl });
  const file = await noise(900, 700).png().toBuffer();
  const key = randomUUID();
  const first = await halfAnUpload(victim.url, file, key);
  await victim.kill('SIGKILL');
  first.breakOff();
  const soon = await post('/v1/images?preset=small', raw(file), key);
  isProblem(t, soon, 'IDEMPOTENCY_KEY_IN_FLIGHT');
  const [row] = await sql<{ seconds: number }[]>`
    select extract(epoch from max(expires_at) - now())::float as seconds from idempotency_keys where answer is null`;
  t.ok(row && row.seconds <= 30, 'within half a minute, not a day');
  await sql`update idempotency_keys set expires_at = now() where answer is null`;
  const later = await post('/v1/images?preset=small', raw(file), key);
  t.equal(later.status, 202);
  t.equal(later.headers.get('idempotency-replayed'), null);
});

t.test('nothing of an answer can be read in the table', async (t) => {
  const key = randomUUID();
  const { text } = await post('/v1/exports', json({ dataset: 'images', format: 'csv' }), key);
  const rows = await sql<
    { key: Buffer; answer: Buffer }[]
  >`select key_sha256 as key, answer from idempotency_keys where answer is not null`;
  for (const part of [key, JSON.parse(text).export.id]) {
    t.notOk(rows.some((row) => row.key.includes(part) || row.answer.includes(part)));
  }
});

t.test('after a 503 the next try really tries', async (t) => {
  const redis = await startRedis(t);
  const service = await startService(t, { redisUrl: redis.url, env: { ROLE: 'api' } });
  const key = randomUUID();
  const init = { body: formOf(await picture(), { presets: ['small'] }) };
  await redis.kill();
  // A busy machine answers 503 for a reason of its own now and then.
  const isAway = async (key: string): Promise<true | undefined> =>
    (await post('/v1/images', init, key, service)).text.includes('QUEUE_UNAVAILABLE') || undefined;
  for (const each of [randomUUID(), key, key]) t.ok(await eventually(() => isAway(each)));
  await redis.restart();
  const first = await eventually(async () => {
    const answer = await post('/v1/images', init, key, service);
    return answer.status === 503 ? undefined : answer;
  });
  t.equal(first.status, 202);
  isReplay(t, first, await post('/v1/images', init, key, service));
});

t.test('the document has it on every POST, and nowhere else', async (t) => {
  const { paths } = JSON.parse(await (await fetch(`${one.url}/openapi.json`)).text());
  for (const [path, operations] of Object.entries<
    Record<string, { parameters?: { name: string; in: string }[] }>
  >(paths)) {
    for (const [method, { parameters = [] }] of Object.entries(operations)) {
      const has = parameters.some(({ name, in: place }) => name === 'Idempotency-Key' && place === 'header');
      t.equal(has, method === 'post', `${method} ${path}`);
    }
  }
});
