import t from 'tap';
import { startRedis } from '../helpers/services.js';
import { webhooksKilled } from './webhooks-killed.js';

const { url } = await startRedis(t);
await webhooksKilled(t, { redisUrl: url });
