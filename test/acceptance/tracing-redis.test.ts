import t from 'tap';
import { startRedis } from '../helpers/services.js';
import { traced } from './tracing.js';

await traced(t, (await startRedis(t)).url);
