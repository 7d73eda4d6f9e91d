import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';
import { mainJob } from './main-job.js';

const service = await startService(t);
await mainJob(t, service, await openApi(service.url));
