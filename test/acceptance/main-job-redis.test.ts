import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';
import { mainJob } from './main-job.js';

const redis = await startRedis(t);
const service = await startService(t, { redisUrl: redis.url });
const api = await openApi(service.url);
await t.test('the queue is Redis', async (t) => {
  t.match(service.output(), /queue +Redis/);
});
await mainJob(t, service, api);
