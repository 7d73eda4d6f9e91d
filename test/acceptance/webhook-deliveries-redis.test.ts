import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';
import { startRedis } from '../helpers/services.js';
import { deliverySettings, webhookDeliveries } from './webhook-deliveries.js';

const redis = await startRedis(t);
const service = await startService(t, { redisUrl: redis.url, env: deliverySettings });
await webhookDeliveries(t, await openApi(service.url));
