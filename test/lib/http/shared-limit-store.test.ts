import t, { type Test } from 'tap';
import { SharedLimitStore } from '../../../lib/http/shared-limit-store.js';
import { createLogger } from '../../../lib/logger.js';
import { connectRedis } from '../../../lib/queue/backend.js';
import { startRedis, testRedisUrl, uniqueName } from '../../helpers/services.js';

const log = createLogger('test', { level: 'silent', pretty: false });
const WINDOW_MS = 60_000;

/** A store of one process, and how a request is counted in it. */
function storeOf(t: Test, url: string, prefix: string) {
  const redis = connectRedis(url, 'halftone-test', true, log);
  t.teardown(() => redis.disconnect());
  const store = new SharedLimitStore(redis, prefix);
  const count = (key: string, max: number): Promise<{ current: number; ttl: number }> =>
    new Promise((resolve, reject) =>
      store.incr(key, (error, state) => (state ? resolve(state) : reject(error)), WINDOW_MS, max),
    );
  return { redis, count };
}

t.test('two processes count together, and exactly near the limit', async (t) => {
  const [url, prefix] = [await testRedisUrl(), uniqueName('limit')];
  const [one, other] = [storeOf(t, url, prefix), storeOf(t, url, prefix)];
  const counts = [];
  for (const { count } of [one, other, one, other]) counts.push((await count('client', 3)).current);
  t.same(counts, [1, 2, 3, 4]);
});

t.test('keys have windows of their own, which end', async (t) => {
  const [url, prefix] = [await testRedisUrl(), uniqueName('limit')];
  const { count, redis } = storeOf(t, url, prefix);
  t.equal((await count('a', 3)).current, 1);
  t.equal((await count('b', 3)).current, 1);
  const ttl = await redis.pttl(`${prefix}a`);
  t.ok(ttl > 0 && ttl <= WINDOW_MS, 'Redis forgets the window by itself');
});

t.test('far from the limit nothing waits for Redis, and nothing is forgotten', async (t) => {
  const [url, prefix] = [await testRedisUrl(), uniqueName('limit')];
  const [one, other] = [storeOf(t, url, prefix), storeOf(t, url, prefix)];
  for (let request = 1; request <= 40; request++) t.equal((await one.count('client', 1000)).current, request);
  // The 41st of all, once the first process has told Redis of its own.
  const seen = async (): Promise<number> => Number(await one.redis.get(`${prefix}client`));
  while ((await seen()) < 40);
  t.equal((await other.count('client', 1000)).current, 41);
});

t.test('a Redis that is away is an error, which the plugin lets pass', async (t) => {
  const server = await startRedis(t);
  const redis = connectRedis(server.url, 'halftone-test', false, log);
  t.teardown(() => redis.disconnect());
  await new Promise((resolve) => redis.once('ready', resolve));
  await server.kill();
  const store = new SharedLimitStore(redis, uniqueName('limit'));
  await t.rejects(
    new Promise((resolve, reject) =>
      store.incr('client', (error) => (error ? reject(error) : resolve(0)), 1000, 3),
    ),
  );
});
