import { Redis } from 'ioredis';
import t from 'tap';
import { openQueueBackend } from '../../lib/queue/backend.js';
import { eventually, recordingLogger } from '../helpers/events.js';
import { startRedis } from '../helpers/services.js';
import { operateQueues } from './operate-queues.js';

const redis = await startRedis(t);
const { url, databaseUrl } = await operateQueues(t, redis.url);

await t.test('a paused queue stays paused when Redis is emptied', async (t) => {
  const { log } = recordingLogger();
  const backend = openQueueBackend({
    redisUrl: redis.url,
    databaseUrl: databaseUrl ?? '',
    role: 'producer',
    applicationName: 'halftone-test',
    log,
  });
  t.teardown(() => backend.close());
  const queue = backend.openQueue('resize');
  t.teardown(() => queue.close());
  await eventually(async () => (await queue.isPaused()) === false || undefined);
  await fetch(`${url}/v1/queues/resize/pause`, { method: 'POST' });
  t.equal(await queue.isPaused(), true);
  const client = new Redis(redis.url);
  await client.flushall();
  client.disconnect();
  t.equal(await eventually(async () => (await queue.isPaused()) || undefined), true);
});
