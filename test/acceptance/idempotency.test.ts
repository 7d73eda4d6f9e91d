import { randomUUID } from 'node:crypto';
import t from 'tap';
import { formOf } from '../helpers/client.js';
import { connect } from '../helpers/embedded-postgres.js';
import { counter, isProblem, isReplay, json, post, raw } from '../helpers/idempotency.js';
import { noise, picture } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';

// Two API processes on one database; no worker, so what is queued stays as it is.
const one = await startService(t, { env: { ROLE: 'api' } });
const other = await startService(t, { env: { ROLE: 'api' }, databaseUrl: one.databaseUrl });
const sql = connect(t, one.databaseUrl ?? '');
const count = counter(sql);

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
  const first = await post(one, '/v1/images', { body: formOf(file, parts) }, key);
  t.equal(first.status, 202);
  t.ok(first.headers.get('content-encoding'));
  const before = await everything();
  isReplay(t, first, await post(one, '/v1/images', { body: formOf(file, parts) }, key));
  isReplay(t, first, await post(other, '/v1/images', { body: formOf(file, parts) }, `"${key}"`));
  for (const body of [
    formOf(await picture(), parts),
    formOf(file, { ...parts, presets: ['small'] }),
    formOf(file, { ...parts, filename: 'other.png' }),
    formOf(await noise(900, 900).png().toBuffer(), parts),
  ]) {
    isProblem(t, await post(one, '/v1/images', { body }, key), 'IDEMPOTENCY_KEY_REUSED');
  }
  t.same(await everything(), before);
  const fresh = await post(one, '/v1/images', { body: formOf(file, parts) }, randomUUID());
  t.equal(fresh.headers.get('idempotency-replayed'), null, 'with another key it is another request');
});

t.test('a raw upload again; another file or query is another request', async (t) => {
  const file = await noise(600, 500).png().toBuffer();
  const key = randomUUID();
  const first = await post(one, '/v1/images?preset=small', raw(file), key);
  t.equal(first.status, 202);
  const before = await everything();
  isReplay(t, first, await post(other, '/v1/images?preset=small', raw(file), key));
  for (const [path, body] of [
    ['/v1/images?preset=thumbnail', file],
    ['/v1/images', file],
    ['/v1/images?preset=small', await picture()],
    ['/v1/images?preset=small', Buffer.concat([file, file])],
    ['/v1/images?preset=small', file.subarray(0, -1)],
  ] as const) {
    isProblem(t, await post(one, path, raw(body), key), 'IDEMPOTENCY_KEY_REUSED');
  }
  t.same(await everything(), before);
});

t.test('JSON again, in another order; and a POST without a body', async (t) => {
  const key = randomUUID();
  const first = await post(one, '/v1/exports', json({ dataset: 'images', format: 'csv' }), key);
  t.equal(first.status, 202);
  isReplay(t, first, await post(other, '/v1/exports', json({ format: 'csv', dataset: 'images' }), key));
  const changed = await post(one, '/v1/exports', json({ dataset: 'images', format: 'json' }), key);
  t.equal(changed.status, 422);
  isProblem(t, changed, 'IDEMPOTENCY_KEY_REUSED');

  const { export: made } = JSON.parse(first.text);
  const path = `/v1/exports/${made.id}/repeat`;
  const repeat = await post(one, path, {}, 'a key of its own'.replaceAll(' ', '-'));
  t.equal(repeat.status, 202);
  isReplay(t, repeat, await post(one, path, {}, 'a-key-of-its-own'));
  isProblem(t, await post(one, path, {}, key), 'IDEMPOTENCY_KEY_REUSED');
  t.equal(await count('exports'), 2);
});

t.test('a refusal stands too, and names the request that it was for', async (t) => {
  const key = randomUUID();
  const wrong = json({ dataset: 'nope', format: 'csv' });
  const first = await post(one, '/v1/exports', wrong, key);
  t.equal(first.status, 400);
  isReplay(t, first, await post(one, '/v1/exports', wrong, key));
  t.equal(JSON.parse(first.text).instance, first.headers.get('x-request-id'));
  const missing = `/v1/images/${randomUUID()}/renditions`;
  const gone = await post(one, missing, json({ presets: ['small'] }), randomUUID());
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
      const answer = await post(one, path, init, key);
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

t.test('after 24 hours a key is a new one', async (t) => {
  const key = randomUUID();
  const body = json({ dataset: 'images', format: 'csv' });
  const first = await post(one, '/v1/exports', body, key);
  await sql`update idempotency_keys set expires_at = expires_at - interval '24 hours'`;
  const second = await post(one, '/v1/exports', body, key);
  t.equal(second.status, 202);
  t.equal(second.headers.get('idempotency-replayed'), null);
  t.not(second.text, first.text);
  isReplay(t, second, await post(one, '/v1/exports', body, key));
});

t.test('nothing of an answer can be read in the table', async (t) => {
  const key = randomUUID();
  const { text } = await post(one, '/v1/exports', json({ dataset: 'images', format: 'csv' }), key);
  const rows = await sql<
    { key: Buffer; answer: Buffer }[]
  >`select key_sha256 as key, answer from idempotency_keys where answer is not null`;
  for (const part of [key, JSON.parse(text).export.id]) {
    t.notOk(rows.some((row) => row.key.includes(part) || row.answer.includes(part)));
  }
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
