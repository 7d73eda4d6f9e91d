import t from 'tap';
import { startRedis } from '../helpers/services.js';
import { workerKilled } from './worker-killed.js';

await workerKilled(t, { redisUrl: (await startRedis(t)).url });
