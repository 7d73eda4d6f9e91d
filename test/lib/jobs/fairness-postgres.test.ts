import t from 'tap';
import { fairness } from './fairness.js';

await fairness(t, (databaseUrl) => ({ databaseUrl, redisUrl: undefined }));
