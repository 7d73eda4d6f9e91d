import { openQueueBackend } from '../../lib/queue/backend.js';
import { recordingLogger } from './events.js';

// A consumer that a test can kill: it takes a job, prints its id, and never ends it.
const [, , databaseUrl = '', redisUrl = '', name = '', lockMs = ''] = process.argv;

openQueueBackend({
  databaseUrl,
  redisUrl: redisUrl === '' ? undefined : redisUrl,
  role: 'consumer',
  applicationName: 'halftone-test',
  log: recordingLogger().log,
}).openConsumer(
  name,
  ({ id }) => {
    console.log(id);
    return new Promise(() => {});
  },
  { concurrency: 1, lockMs: Number(lockMs), onGivenUp: () => {} },
);
