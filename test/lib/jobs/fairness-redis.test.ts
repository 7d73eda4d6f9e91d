import t from 'tap';
import { testRedisUrl } from '../../helpers/services.js';
import { fairness } from './fairness.js';

const redisUrl = await testRedisUrl();
await fairness(t, (databaseUrl) => ({ databaseUrl, redisUrl }));
