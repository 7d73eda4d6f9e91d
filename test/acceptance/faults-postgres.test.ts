import t, { type Test } from 'tap';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually, latch } from '../helpers/events.js';
import {
  countRows,
  freezePostgres,
  hasty,
  jobEnd,
  jobWhen,
  newJob,
  post,
  readImage,
  storedFiles,
} from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { startPostgres } from '../helpers/services.js';

const postgres = await startPostgres(t);
const service = await startService(t, {
  databaseUrl: postgres.url,
  env: { ...hasty, RESIZE_THREADS: '1', SLOW_QUERY_MS: '500', STATEMENT_TIMEOUT_MS: '1000' },
});
const parts = { presets: ['thumbnail'] };
const MAX_ANSWER_MS = 2_000;

async function unavailable(t: Test, ask: () => Promise<Response>): Promise<void> {
  const started = performance.now();
  const response = await ask();
  const ms = performance.now() - started;
  t.ok(ms < MAX_ANSWER_MS, `answered after ${Math.round(ms)} ms`);
  t.equal(response.status, 503);
  t.match(response.headers.get('retry-after'), /^\d+$/);
  t.match(JSON.parse(await response.text()), { code: /^(QUEUE|DATABASE)_UNAVAILABLE$/ });
}

/** Nothing is taken, nothing is left behind, and `/readyz` says what is wrong. */
async function refusesWork(t: Test): Promise<void> {
  await unavailable(t, () => post(service.url, parts));
  await unavailable(t, () => post(service.url, {}));
  await unavailable(t, () => fetch(`${service.url}/v1/images`));
  t.same(await storedFiles(service, 'tmp'), []);
  const ready = await fetch(`${service.url}/readyz`);
  t.equal(ready.status, 503);
  const { checks } = JSON.parse(await ready.text());
  t.equal(checks.store, 'ok');
  t.not(checks.postgres, 'ok');
  t.not(checks.queue, 'ok');
  t.equal((await fetch(`${service.url}/healthz`)).status, 200);
}

async function isBack(t: Test): Promise<void> {
  const { job } = await newJob(service.url, parts);
  t.match(await jobEnd(service.url, job), { state: 'completed' });
  await eventually(async () => (await fetch(`${service.url}/readyz`)).ok || undefined);
}

t.test(
  'a PostgreSQL that is gone: 503 within two seconds, nothing half-done, and back by itself',
  async (t) => {
    await isBack(t);
    const before = await countRows(t, postgres.url, 'images');
    await postgres.stop();
    await refusesWork(t);
    await postgres.restart();
    t.equal(await countRows(t, postgres.url, 'images'), before);
    await isBack(t);
  },
);

t.test('a job in hand when PostgreSQL goes is done when it is back, once', async (t) => {
  const slow = { renditions: [{ width: 800, format: 'avif', effort: 2 }] };
  const { job, image } = await newJob(service.url, slow, await noise(1200, 900).png().toBuffer());
  await jobWhen(service.url, job, ({ state }) => state !== 'queued');
  await postgres.stop();
  await service.logged(({ msg, ...more }) => /^job /.test(msg) && more['job'] === job.id);
  await postgres.restart();
  const ended = await eventually(() => jobEnd(service.url, job));
  t.match(ended, { state: 'completed', error: null });
  t.equal((await readImage(service.url, image)).renditions?.length, 1);
});

t.test('a PostgreSQL that does not answer is the same', async (t) => {
  const before = await countRows(t, postgres.url, 'images');
  const resume = await freezePostgres(t, postgres.url);
  await refusesWork(t);
  resume();
  await isBack(t);
  t.equal(
    await countRows(t, postgres.url, 'images'),
    before + 1,
    'what was refused was not done later either',
  );
});

t.test('a statement that takes too long is a 503, and stands in the log by its name', async (t) => {
  const sql = connect(t, postgres.url);
  const [locked, end] = [latch(), latch()];
  const locking = sql.begin(async (tx) => {
    await tx`lock table images`;
    locked.open();
    await end.opened;
  });
  await locked.opened;
  await unavailable(t, () => fetch(`${service.url}/v1/images`));
  end.open();
  await locking;
  const line = await service.logged(
    ({ msg, ...more }) => msg === 'slow query' && more['query'] === 'images.list',
  );
  t.match(line, { process: 'api', ms: Number });
  t.equal((await fetch(`${service.url}/v1/images`)).status, 200);
});
