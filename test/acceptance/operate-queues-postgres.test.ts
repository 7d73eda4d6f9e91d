import t from 'tap';
import { operateQueues } from './operate-queues.js';

await operateQueues(t);
