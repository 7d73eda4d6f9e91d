import { Redis } from 'ioredis';
import pg from 'pg';
import t, { type Test } from 'tap';
import { PREFIX } from '../../../lib/queue/backend.js';
import { BullmqPool } from '../../../lib/queue/bullmq-pool.js';
import { EventReader } from '../../../lib/queue/postgres-events.js';
import { newsOfRedis } from '../../../lib/queue/redis-events.js';
import { migrateTestDatabase } from '../../helpers/migrate.js';
import { openTestQueue, type QueueAddress, someJob } from '../../helpers/queue.js';
import { testDatabase, testRedisUrl } from '../../helpers/services.js';

const NEW = 300;

/** What came after an event: ids, each with the names and values of its fields. */
type Read = (queue: string, after: string) => Promise<readonly [id: string, fields: string[]][]>;

async function leavesOutNewJobs(t: Test, address: QueueAddress, read: Read): Promise<void> {
  const { queue, name } = openTestQueue(t, address);
  const again = someJob();
  await queue.add([again, ...Array.from({ length: NEW }, () => someJob())]);
  await queue.add([{ ...again, run: 1 }]);
  await queue.add([someJob(), someJob()]);

  const entries = await read(name, '0');
  const told = entries.map(([, fields]) => fields);
  t.ok(
    told.some((fields) => fields.includes('waiting') && fields.includes(`${again.id}.1`)),
    'a job that is begun anew is told',
  );
  t.ok(told.length <= 3, 'and of those that are new at most the last');
  t.same(await read(name, entries.at(-1)?.[0] ?? ''), [], 'nothing is told twice');
}

t.test('redis leaves out events that only say that a job is new', async (t) => {
  const address = { databaseUrl: '', redisUrl: await testRedisUrl() };
  const redis = new Redis(address.redisUrl);
  t.teardown(() => redis.disconnect());
  const readNews = newsOfRedis(redis, PREFIX);
  await leavesOutNewJobs(t, address, async (queue, after) => {
    const { read, entries } = await readNews(queue, after);
    t.ok(after !== '0' || read > NEW, 'all of them were looked at');
    return entries;
  });
});

t.test('postgres leaves out events that only say that a job is new', async (t) => {
  const address = { databaseUrl: await testDatabase(t), redisUrl: undefined };
  await migrateTestDatabase(address.databaseUrl);
  const pool = new pg.Pool({ connectionString: address.databaseUrl, options: '-c search_path=bullmq' });
  t.teardown(() => pool.end());
  let reader: EventReader | undefined;
  t.teardown(() => reader?.close());
  await leavesOutNewJobs(t, address, async (queue, after) => {
    reader ??= new EventReader(new BullmqPool(pool), queue);
    const [[, entries] = ['', []]] = (await reader.read(after, 1)) ?? [];
    return entries;
  });
});
