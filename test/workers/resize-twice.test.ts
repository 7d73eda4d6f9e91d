import t from 'tap';
import { Breakers } from '../../lib/breaker/breakers.js';
import { newId } from '../../lib/ids.js';
import { findImage } from '../../lib/images/repository.js';
import type { JobRowOf } from '../../lib/jobs/job.js';
import { openOutbound } from '../../lib/outbound/client.js';
import { findRenditions } from '../../lib/renditions/repository.js';
import { renditionKey, renditionPrefix } from '../../lib/storage/keys.js';
import { consume } from '../../workers/consumer.js';
import { FetchPlaces } from '../../workers/fetch-places.js';
import { startResizePool } from '../../workers/pool.js';
import type { JobContext } from '../../workers/processors/processor.js';
import { resizeProcessor } from '../../workers/processors/resize.js';
import { madeBy } from '../helpers/client.js';
import { latch } from '../helpers/events.js';
import { openJobWorld, workerParts } from '../helpers/jobs.js';

const world = await openJobWorld(t);
const { database, store, config } = world;
const pool = startResizePool(new URL('../../workers/resize.js', import.meta.url), 2);
t.teardown(() => pool.close());
const outbound = openOutbound({ allowPrivateHosts: false });
t.teardown(() => outbound.close());
const breakers = new Breakers();
const places = new FetchPlaces(2);
const stopping = new AbortController().signal;

/**
 * Delivers a job to a worker of its own, as two processes would take it at the same moment.
 *
 * @param around what happens instead of the processor's work, which it may have done
 */
function deliver(id: string, around: (work: () => Promise<void>) => Promise<void>): Promise<void> {
  const parts = workerParts(world);
  const own = { store, outbound, breakers, places, stopping, pool, config, onHang: () => {} };
  const { type, run } = resizeProcessor({ ...parts, ...own });
  const processor = {
    type,
    run: (job: JobRowOf<'resize'>, context: JobContext) => around(() => run(job, context)),
  };
  return consume({ ...parts, processor })({
    id,
    attempt: 1,
    isLastAttempt: true,
    announce: async () => {},
  });
}

async function files(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix)) found.push(key);
  return found;
}

t.test('two deliveries of a job at the same moment do its work once', async (t) => {
  for (const round of [1, 2, 3]) {
    const both = [latch(), latch()] as const;
    const job = await world.newJob(['thumbnail', 'small']);
    const before = new Set(await files('renditions/'));
    // Neither begins before both have the job in hand.
    const [one, other] = both.map((mine, index) =>
      deliver(job.id, async (work) => {
        mine.open();
        await both[1 - index]?.opened;
        await work();
      }),
    );
    await Promise.all([one, other]);
    const ended = await world.read(job);
    t.match(ended, { state: 'completed', attemptsMade: 1, progress: 100, error: null });
    const rows = await database.query('renditions.ofImage', (sql) =>
      findRenditions(sql, [job.imageId ?? '']),
    );
    t.equal(rows.length, 2, `round ${round}`);
    t.same(new Set(madeBy(ended).map(({ id }) => id)), new Set(rows.map(({ id }) => id)));
    const made = (await files('renditions/')).filter((key) => !before.has(key));
    t.equal(made.length, 2, 'a file for each row');
    // Two starts, one step between the two renditions, one end.
    t.equal(ended.version, 1 + 2 + 1 + 1);
  }
});

t.test(
  'renditions that a delivery made after another had failed the job stand with their files',
  async (t) => {
    const job = await world.newJob();
    const [started, failed] = [latch(), latch()];
    const slow = deliver(job.id, async (work) => {
      started.open();
      await failed.opened;
      await work();
    });
    await started.opened;
    await t.rejects(deliver(job.id, () => Promise.reject(new Error('broken'))));
    failed.open();
    await slow;
    t.equal((await world.read(job)).state, 'failed', 'what has ended stays');
    const rows = await database.query('renditions.ofImage', (sql) =>
      findRenditions(sql, [job.imageId ?? '']),
    );
    const image = await database.query('images.find', (sql) =>
      findImage(sql, job.tenantId, job.imageId ?? ''),
    );
    const keys = rows.map((row) => renditionKey(image?.sha256 ?? '', row.optionsHash, row.extension));
    t.equal(keys.length, 1);
    t.same(await files(renditionPrefix(image?.sha256 ?? '')), keys, 'no row is without its file');
  },
);

t.test('the member of a batch that is gone says so', async (t) => {
  const { id } = await world.newJob();
  // Members say nothing of what is wanted.
  await database.query(
    'test',
    (sql) => sql`update jobs set request = '{}', parent_id = ${newId()} where id = ${id}`,
  );
  await t.rejects(deliver(id, (work) => work()));
  t.match(await world.read({ id }), { state: 'failed', error: { code: 'JOB_NOT_FOUND' } });
});
