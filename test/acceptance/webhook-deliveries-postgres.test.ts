import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';
import { deliverySettings, webhookDeliveries } from './webhook-deliveries.js';

const service = await startService(t, { env: deliverySettings });
await webhookDeliveries(t, await openApi(service.url));
