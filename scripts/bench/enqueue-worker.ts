import { openDatabase } from '../../lib/database/client.js';
import { newId } from '../../lib/ids.js';
import { Dispatcher, queuesByType } from '../../lib/jobs/dispatcher.js';
import { openJobRecorder } from '../../lib/jobs/recorder.js';
import { createLogger } from '../../lib/logger.js';
import { openQueueBackend } from '../../lib/queue/backend.js';
import { openFileStore } from '../../lib/storage/file-store.js';
import { storePath } from '../../lib/storage/keys.js';
import { Cancellations } from '../../workers/cancellations.js';
import { consume } from '../../workers/consumer.js';
import { Isolation } from '../../workers/isolation.js';
import { batchProcessor } from '../../workers/processors/batch.js';
import { importProcessor } from '../../workers/processors/import.js';

// A worker that makes the members of batches and imports, and nothing of them: their rendering would share the machine
// with what is measured. It says that it is ready, and runs until it is killed.
const [, , databaseUrl = '', redisUrl = '', dataDir = ''] = process.argv;

const log = createLogger('bench', { level: 'error', pretty: false });
const settings = { url: databaseUrl, applicationName: 'halftone-bench', statementTimeoutMs: 60_000 };
const database = openDatabase({ ...settings, poolSize: 6, slowQueryMs: 60_000, log });
const backend = openQueueBackend({
  databaseUrl,
  redisUrl: redisUrl === '' ? undefined : redisUrl,
  role: 'consumer',
  applicationName: 'halftone-bench',
  log,
});
const dispatcher = new Dispatcher({
  database,
  queues: queuesByType((type) => backend.openQueue(type)),
  ping: () => backend.ping(),
  maxQueuedJobs: 10_000_000,
  log,
});
const workerId = newId();
const deps = {
  database,
  dispatcher,
  workerId,
  log,
  cancellations: new Cancellations(database, log),
  isolation: new Isolation(),
  recorder: openJobRecorder(database, workerId),
  onOutcome: () => undefined,
};
const processor = batchProcessor({ database, dispatcher, config: { maxOutputPixels: 50_000_000 } });
backend.openConsumer('batch', consume({ ...deps, processor }), {
  concurrency: 4,
  lockMs: 30_000,
  onGivenUp: () => undefined,
});
const imports = importProcessor({
  database,
  dispatcher,
  store: await openFileStore(storePath(dataDir)),
  config: {
    allowedSourceHosts: undefined,
    importFolder: undefined,
    allowPrivateHosts: false,
    maxQueuedJobs: 10_000_000,
  },
  stopping: new AbortController().signal,
});
backend.openConsumer('import', consume({ ...deps, processor: imports }), {
  concurrency: 4,
  lockMs: 30_000,
  onGivenUp: () => undefined,
});
process.send?.('ready');
