import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';
import { jobEvents } from './job-events.js';

const { url: redisUrl } = await startRedis(t);
const service = await startService(t, { redisUrl });
const { databaseUrl, dataDir } = service;
const second = await startService(t, { redisUrl, databaseUrl, dataDir, env: { ROLE: 'api' } });
await jobEvents(t, service, second, await openApi(service.url));
