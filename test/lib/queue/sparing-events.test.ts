import { Redis } from 'ioredis';
import pg from 'pg';
import t, { type Test } from 'tap';
import { PREFIX } from '../../../lib/queue/backend.js';
import { newsOfPostgres, newsOfRedis, type ReadNews } from '../../../lib/queue/sparing-events.js';
import { migrateTestDatabase } from '../../helpers/database.js';
import { openTestQueue, type QueueAddress, someJob } from '../../helpers/queue.js';
import { testDatabase, testRedisUrl } from '../../helpers/services.js';

const NEW = 300;

async function leavesOutNewJobs(t: Test, address: QueueAddress, readNews: ReadNews): Promise<void> {
  const { queue, name } = openTestQueue(t, address);
  const again = someJob();
  await queue.add([again, ...Array.from({ length: NEW }, () => someJob())]);
  await queue.add([{ ...again, run: 1 }]);
  await queue.add([someJob(), someJob()]);

  const { read, entries } = await readNews(name, '0');
  t.ok(read > NEW, 'all of them were looked at');
  const told = entries.map(([, fields]) => fields);
  t.ok(
    told.some((fields) => fields.includes('waiting') && fields.includes(`${again.id}.1`)),
    'a job that is begun anew is told',
  );
  t.ok(told.length <= 3, 'and of those that are new at most the last');
  t.same(await readNews(name, entries.at(-1)?.[0] ?? ''), { read: 0, entries: [] }, 'nothing is told twice');
}

t.test('redis leaves out events that only say that a job is new', async (t) => {
  const address = { databaseUrl: '', redisUrl: await testRedisUrl() };
  const redis = new Redis(address.redisUrl);
  t.teardown(() => redis.disconnect());
  await leavesOutNewJobs(t, address, newsOfRedis(redis, PREFIX));
});

t.test('postgres leaves out events that only say that a job is new', async (t) => {
  const address = { databaseUrl: await testDatabase(t), redisUrl: undefined };
  await migrateTestDatabase(address.databaseUrl);
  const pool = new pg.Pool({ connectionString: address.databaseUrl, options: '-c search_path=bullmq' });
  t.teardown(() => pool.end());
  await leavesOutNewJobs(t, address, newsOfPostgres(pool));
});
