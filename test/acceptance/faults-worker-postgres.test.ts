import t from 'tap';
import { workerKilled } from './worker-killed.js';

await workerKilled(t, {});
