import t from 'tap';
import { startRedis } from '../helpers/services.js';
import { severalProcesses } from './several-processes.js';

const { url } = await startRedis(t);
await severalProcesses(t, { redisUrl: url });
