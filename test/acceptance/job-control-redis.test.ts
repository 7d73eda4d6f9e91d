import t from 'tap';
import { startRedis } from '../helpers/services.js';
import { jobControl } from './job-control.js';

const redis = await startRedis(t);
await jobControl(t, { redisUrl: redis.url });
