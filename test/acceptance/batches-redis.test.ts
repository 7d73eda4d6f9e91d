import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';
import { testRedisUrl } from '../helpers/services.js';
import { batches } from './batches.js';

const service = await startService(t, { redisUrl: await testRedisUrl() });
await batches(t, await openApi(service.url));
