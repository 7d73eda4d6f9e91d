import t from 'tap';
import { startRedis } from '../helpers/services.js';
import { largeBatches } from './batches-large.js';

await largeBatches(t, { redisUrl: (await startRedis(t)).url });
