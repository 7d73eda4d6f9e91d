import { readdir, utimes, writeFile } from 'node:fs/promises';
import t from 'tap';
import { deleteImage } from '../../lib/images/repository.js';
import { Dispatcher } from '../../lib/jobs/dispatcher.js';
import type { QueuedJob } from '../../lib/queue/queue.js';
import { originalKey } from '../../lib/storage/keys.js';
import { maintain } from '../../workers/processors/maintenance.js';
import { recordingLogger } from '../helpers/events.js';
import { type JobWorld, openJobWorld, silentQueue, silentQueues } from '../helpers/jobs.js';
import { someJob } from '../helpers/queue.js';

const broken = { ...silentQueue(), add: () => Promise.reject(new Error('away')) };

/** Runs the maintenance once over a queue that holds what was `taken`. */
async function maintainOnce(
  { database, dispatcher, store, config }: JobWorld,
  taken: QueuedJob[],
): Promise<unknown> {
  const { log, lines } = recordingLogger();
  await maintain({
    database,
    store,
    config,
    log,
    dispatcher,
    queues: silentQueues({ resize: silentQueue(taken) }),
  });
  return lines.items[0]?.fields;
}

/** As if the queue had last been asked about every job a while ago. */
async function age({ database }: JobWorld): Promise<void> {
  await database.query('jobs.age', (sql) => sql`update jobs set enqueued_at = now() - interval '1 hour'`);
}

t.test('a job that the queue did not take is handed over by the next maintenance, once', async (t) => {
  const world = await openJobWorld(t, broken);
  const job = await world.newJob();
  t.equal((await world.read(job)).state, 'queued');
  const taken: QueuedJob[] = [];
  t.match(await maintainOnce(world, taken), { handedOver: 1 });
  t.match(taken, [{ id: job.id, attempts: 3 }]);
  t.match(await maintainOnce(world, taken), { handedOver: 0 });
  t.equal(taken.length, 1);
});

t.test(
  'jobs that the queue has lost are handed over, those that it holds and those that ended are not',
  async (t) => {
    const world = await openJobWorld(t);
    const [lost, held, done] = [await world.newJob(), await world.newJob(), await world.newJob()];
    await world.database.query(
      'jobs.end',
      (sql) => sql`update jobs set state = 'failed' where id = ${done.id}`,
    );
    const taken: QueuedJob[] = [someJob({ id: held.id })];
    t.match(await maintainOnce(world, taken), { handedOver: 0 }, 'nothing has been quiet for long');
    await age(world);
    t.match(await maintainOnce(world, taken), { handedOver: 1 });
    t.same(
      taken.map(({ id }) => id),
      [held.id, lost.id],
    );
  },
);

t.test('a job that was active when the queue was lost is handed over too', async (t) => {
  const world = await openJobWorld(t);
  const job = await world.newJob();
  await world.database.query(
    'jobs.start',
    (sql) => sql`update jobs set state = 'active' where id = ${job.id}`,
  );
  await age(world);
  t.match(await maintainOnce(world, []), { handedOver: 1 });
});

t.test('a backlog of any size is handed over in one go', async (t) => {
  const world = await openJobWorld(t);
  const { id } = await world.newJob();
  await world.database.query(
    'jobs.copy',
    (sql) => sql`
      insert into jobs (id, tenant_id, type, state, priority, attempts_max, request, enqueued_at)
      select gen_random_uuid(), tenant_id, type, state, priority, attempts_max, request, null
      from jobs, generate_series(1, 1200) where id = ${id}`,
  );
  t.match(await maintainOnce(world, []), { handedOver: 1200 });
});

t.test('files without an image go, others stay', async (t) => {
  const world = await openJobWorld(t);
  const [gone, kept] = [await world.newJob(), await world.newJob()];
  const sha256 = async (imageId: string | null): Promise<string> => {
    const [row] = await world.database.query(
      'images.sha256',
      (sql) => sql<{ sha256: string }[]>`select sha256 from images where id = ${imageId}`,
    );
    return row?.sha256 ?? '';
  };
  const [goneKey, keptKey] = [
    originalKey(await sha256(gone.imageId)),
    originalKey(await sha256(kept.imageId)),
  ];
  const { remove } = world.store;
  world.store.remove = () => Promise.reject(new Error('cut off'));
  const deletion = deleteImage(world.database, world.store, 'default', gone.imageId ?? '');
  await t.rejects(deletion, { message: 'cut off' });
  world.store.remove = remove;
  t.ok(await world.store.stat(goneKey));
  t.match(await maintainOnce(world, []), { removedBlobs: 1 });
  t.equal(await world.store.stat(goneKey), undefined);
  t.ok(await world.store.stat(keptKey));
});

t.test('temporary files go when nobody can be writing them any more', async (t) => {
  const world = await openJobWorld(t);
  const [old, fresh] = [world.store.temporaryPath(), world.store.temporaryPath()];
  for (const path of [old, fresh]) await writeFile(path, 'part of an upload');
  const longAgo = new Date(Date.now() - 2_000 * world.config.uploadTimeoutSeconds - 60_000);
  await utimes(old, longAgo, longAgo);
  t.match(await maintainOnce(world, []), { sweptFiles: 1 });
  t.same(
    (await readdir(`${world.folder}/tmp`)).map((name) => `${world.folder}/tmp/${name}`),
    [fresh],
  );
});

t.test('jobs that ended long ago are forgotten where that is asked for', async (t) => {
  const world = await openJobWorld(t);
  const [old, recent, unfinished] = [await world.newJob(), await world.newJob(), await world.newJob()];
  await world.database.query('jobs.end', async (sql) => {
    await sql`update jobs set state = 'completed', finished_at = now() - interval '31 days' where id = ${old.id}`;
    await sql`update jobs set state = 'failed', finished_at = now() - interval '29 days' where id = ${recent.id}`;
    await sql`update jobs set created_at = now() - interval '31 days' where id = ${unfinished.id}`;
  });
  t.notMatch(await maintainOnce(world, []), { removedJobs: 1 }, 'kept for ever by default');
  const config = { ...world.config, retentionDays: 30 };
  t.match(await maintainOnce({ ...world, config }, []), { removedJobs: 1 });
  await t.rejects(world.read(old), { message: 'the job is gone' });
  for (const job of [recent, unfinished]) t.ok(await world.read(job));
});

t.test('new work is refused while the queue is away or full', async (t) => {
  const world = await openJobWorld(t);
  const dispatcher = (ping: () => Promise<void>, maxQueuedJobs: number): Dispatcher => {
    const { log } = recordingLogger();
    return new Dispatcher({
      database: world.database,
      queues: silentQueues({ resize: broken }),
      ping,
      maxQueuedJobs,
      log,
    });
  };
  const up = async (): Promise<void> => {};
  const away = (): Promise<void> => Promise.reject(new Error('away'));
  await t.resolves(dispatcher(up, 1).assertRoom());
  await t.rejects(dispatcher(away, 1).assertRoom(), {
    code: 'QUEUE_UNAVAILABLE',
    status: 503,
    retryAfter: Number,
  });
  const full = dispatcher(up, 2);
  await world.newJob();
  await t.resolves(full.assertRoom());
  await full.dispatch(await world.newJob());
  await t.rejects(full.assertRoom(), { code: 'BACKLOG_FULL', status: 503, retryAfter: Number });
});
