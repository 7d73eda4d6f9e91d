import t, { type Test } from 'tap';
import { type ProblemBody, upload } from '../helpers/client.js';
import { type Api, openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';

// A window that does not end while the test runs.
const limits = { RATE_LIMIT_MAX: '6', RATE_LIMIT_EXPENSIVE_MAX: '3', RATE_LIMIT_WINDOW_SECONDS: '600' };

const memory = await startService(t, { env: { ROLE: 'api', ...limits } });
const memoryApi = await openApi(memory.url);
const redis = await startRedis(t);
const shared = { redisUrl: redis.url, env: { ROLE: 'api', ...limits } };
const one = await startService(t, shared);
const other = await startService(t, { ...shared, databaseUrl: one.databaseUrl });
const [oneApi, otherApi] = [await openApi(one.url), await openApi(other.url)];

/** Asks until the limit is reached, in turns, and looks at what is said on the way. */
async function exhaust(
  t: Test,
  name: string,
  max: number,
  turns: readonly (() => ReturnType<Api>)[],
): Promise<void> {
  const policy = `"${name}";q=${max};w=600`;
  for (let count = 1; count <= max; count++) {
    const answer = await turns[count % turns.length]?.();
    t.ok(answer && answer.status < 300, `request ${count} of ${max} passes`);
    t.equal(answer?.headers.get('ratelimit-policy'), policy);
    t.match(answer?.headers.get('ratelimit'), new RegExp(`^"${name}";r=${max - count};t=\\d+$`));
  }
  for (const turn of turns) {
    const { status, headers, body } = await turn();
    t.match({ status, body }, { status: 429, body: { code: 'RATE_LIMITED' } });
    const seconds = Number(headers.get('retry-after'));
    t.ok(seconds > 0 && seconds <= 600, `Retry-After ${seconds}`);
    t.equal(headers.get('ratelimit-policy'), policy);
    t.match(headers.get('ratelimit'), new RegExp(`^"${name}";r=0;t=\\d+$`));
  }
}

const list = (api: Api) => () => api('/v1/images');
const send = (api: Api) => async () => upload<unknown>(api, await picture());

await t.test('in memory: two classes, each with its own count', async (t) => {
  await exhaust(t, 'general', 6, [list(memoryApi)]);
  await exhaust(t, 'expensive', 3, [send(memoryApi)]);
});

await t.test('what is never limited', async (t) => {
  for (const path of ['/healthz', '/metrics', '/openapi.json', '/docs']) {
    for (let i = 0; i < 10; i++) t.equal((await memoryApi(path)).status, 200, path);
  }
});

await t.test('a forged address does not help', async (t) => {
  const { status } = await memoryApi<ProblemBody>('/v1/jobs', {
    headers: { 'x-forwarded-for': '203.0.113.9' },
  });
  t.equal(status, 429);
});

await t.test('on Redis: two API processes count together', async (t) => {
  await exhaust(t, 'general', 6, [list(oneApi), list(otherApi)]);
  await exhaust(t, 'expensive', 3, [send(oneApi), send(otherApi)]);
});

await t.test('requests pass while Redis is away', async (t) => {
  await redis.kill();
  for (let i = 0; i < 8; i++) t.equal((await oneApi('/v1/images')).status, 200);
  await redis.restart();
});
