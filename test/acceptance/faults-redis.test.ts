import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import type { Uploaded } from '../helpers/client.js';
import { eventually } from '../helpers/events.js';
import { countRows, hasty, jobEnd, jobWhen, newJob, post, storedFiles } from '../helpers/faults.js';
import { bitmap } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';

const redis = await startRedis(t);
const service = await startService(t, { redisUrl: redis.url, env: { ...hasty, RESIZE_THREADS: '1' } });
const admin = new Redis(redis.url);
admin.on('error', () => undefined);
t.teardown(() => admin.disconnect());

const parts = { presets: ['thumbnail'] };
const MAX_ANSWER_MS = 2_000;

/** New work is refused, soon and without a trace; what needs no queue goes on. */
async function refusesWork(t: Test): Promise<void> {
  // The queue answered a moment ago: what is still taken on the strength of that, maintenance hands over.
  await eventually(async () => (await post(service.url, parts)).status === 503 || undefined);
  const before = await countRows(t, service.databaseUrl, 'images');
  const started = performance.now();
  const response = await post(service.url, parts);
  const ms = performance.now() - started;
  t.ok(ms < MAX_ANSWER_MS, `answered after ${Math.round(ms)} ms`);
  t.equal(response.status, 503);
  t.match(response.headers.get('retry-after'), /^\d+$/);
  t.match(JSON.parse(await response.text()), { code: 'QUEUE_UNAVAILABLE' });
  t.equal(await countRows(t, service.databaseUrl, 'images'), before);
  t.same(await storedFiles(service, 'tmp'), []);
  const ready = await fetch(`${service.url}/readyz`);
  t.equal(ready.status, 503);
  const { checks } = JSON.parse(await ready.text());
  t.match(checks, { postgres: 'ok', store: 'ok' });
  t.not(checks.queue, 'ok');
  t.equal((await fetch(`${service.url}/v1/images`)).status, 200);
}

/** It takes work again by itself, and does it. */
async function isBack(t: Test): Promise<void> {
  const { job } = await newJob(service.url, parts);
  t.match(await jobEnd(service.url, job), { state: 'completed' });
  await eventually(async () => (await fetch(`${service.url}/readyz`)).ok || undefined);
}

t.test('a Redis that is gone: 503 within two seconds, nothing half-done, and back by itself', async (t) => {
  await isBack(t);
  await redis.kill();
  await refusesWork(t);
  await redis.restart();
  await isBack(t);
});

t.test('a Redis that does not answer is the same', async (t) => {
  redis.pause();
  await refusesWork(t);
  redis.resume();
  await isBack(t);
});

t.test('a job that the queue does not take after all is handed over by the maintenance', async (t) => {
  // Redis answers, but refuses every script: the door is open, and then nothing goes through.
  await admin.call('ACL', 'SETUSER', 'default', '-@scripting');
  const { job } = await newJob(service.url, parts);
  t.equal(job.state, 'queued');
  await service.logged(({ msg, ...line }) => /did not take a job/.test(msg) && line['job'] === job.id);
  await admin.call('ACL', 'SETUSER', 'default', '+@scripting');
  t.match(await jobEnd(service.url, job), { state: 'completed', attempts: { made: 1 } });
});

t.test('a Redis that forgets everything loses no job', async (t) => {
  const slow = { renditions: [{ width: 600, format: 'avif', effort: 2 }] };
  const jobs: Uploaded['job'][] = [];
  for (const each of await Promise.all(Array.from({ length: 6 }, () => bitmap(1200, 900)))) {
    jobs.push((await newJob(service.url, slow, each)).job);
  }
  const [first, last] = [jobs.at(0), jobs.at(-1)];
  if (!first || !last) throw new Error('no job was made');
  await jobWhen(service.url, first, ({ state }) => state !== 'queued');
  await admin.flushall();
  t.equal((await jobWhen(service.url, last, () => true)).state, 'queued', 'it was still to come');
  for (const job of jobs) t.match(await jobEnd(service.url, job), { state: 'completed' });
  t.equal(
    await countRows(t, service.databaseUrl, 'renditions'),
    await countRows(t, service.databaseUrl, 'images'),
  );
});
