import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import t from 'tap';
import { formOf } from '../helpers/client.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { counter, isProblem, isReplay, json, post, raw } from '../helpers/idempotency.js';
import { noise, picture } from '../helpers/pictures.js';
import { open } from '../helpers/raw-http.js';
import { filesLeft, startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';

// Two API processes on one database; no worker, so what is queued stays as it is.
const one = await startService(t, { env: { ROLE: 'api' } });
const other = await startService(t, { env: { ROLE: 'api' }, databaseUrl: one.databaseUrl });
const sql = connect(t, one.databaseUrl ?? '');
const count = counter(sql);

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
    const second = await post(service, '/v1/images?preset=small', raw(file), key);
    t.equal(second.status, 409);
    isProblem(t, second, 'IDEMPOTENCY_KEY_IN_FLIGHT');
    t.equal(second.headers.get('retry-after'), '1');
  }
  t.same(await filesLeft(other), []);
  t.equal(await count('images'), images);
  t.match(await first.end(), /^HTTP\/1.1 202 /);
  const third = await post(other, '/v1/images?preset=small', raw(file), key);
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
      [one, other, one, other].map((each) => post(each, '/v1/exports', body, key)),
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
  const second = await post(one, '/v1/images?preset=small', raw(file), key);
  t.equal(second.status, 202);
  t.equal(second.headers.get('idempotency-replayed'), null);
});

t.test('a client that lost its connection while it waited comes back for the answer', async (t) => {
  const key = randomUUID();
  const jobs = await count('jobs');
  const body = formOf(await picture(), { presets: ['small'] });
  const gone = new AbortController();
  const init = { body, headers: { prefer: 'wait=60' } };
  const lost = post(one, '/v1/images', { ...init, signal: gone.signal }, key);
  await eventually(async () => (await count('jobs')) > jobs || undefined);
  gone.abort();
  await t.rejects(lost, { name: 'AbortError' });
  const answer = await eventually(async () => {
    const again = await post(other, '/v1/images', init, key);
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
  t.equal((await post(one, '/v1/images', raw(await picture()), key)).status, 201, 'the key is free');
});

t.test('the key of a process that is killed lapses', async (t) => {
  const victim = await startService(t, { env: { ROLE: 'api' }, databaseUrl: one.databaseUrl });
  const file = await noise(900, 700).png().toBuffer();
  const key = randomUUID();
  const first = await halfAnUpload(victim.url, file, key);
  await victim.kill('SIGKILL');
  first.breakOff();
  const soon = await post(one, '/v1/images?preset=small', raw(file), key);
  isProblem(t, soon, 'IDEMPOTENCY_KEY_IN_FLIGHT');
  const [row] = await sql<{ seconds: number }[]>`
    select extract(epoch from max(expires_at) - now())::float as seconds from idempotency_keys where answer is null`;
  t.ok(row && row.seconds <= 30, 'within half a minute, not a day');
  await sql`update idempotency_keys set expires_at = now() where answer is null`;
  const later = await post(one, '/v1/images?preset=small', raw(file), key);
  t.equal(later.status, 202);
  t.equal(later.headers.get('idempotency-replayed'), null);
});

t.test('after a 503 the next try really tries', async (t) => {
  const redis = await startRedis(t);
  const service = await startService(t, { redisUrl: redis.url, env: { ROLE: 'api' } });
  const key = randomUUID();
  const init = { body: formOf(await picture(), { presets: ['small'] }) };
  await redis.kill();
  // A busy machine answers 503 for a reason of its own now and then.
  const isAway = async (key: string): Promise<true | undefined> =>
    (await post(service, '/v1/images', init, key)).text.includes('QUEUE_UNAVAILABLE') || undefined;
  for (const each of [randomUUID(), key, key]) t.ok(await eventually(() => isAway(each)));
  await redis.restart();
  const first = await eventually(async () => {
    const answer = await post(service, '/v1/images', init, key);
    return answer.status === 503 ? undefined : answer;
  });
  t.equal(first.status, 202);
  isReplay(t, first, await post(service, '/v1/images', init, key));
});
