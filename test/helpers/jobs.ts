import { Readable } from 'node:stream';
import type { Test } from 'tap';
import type { Config } from '../../lib/config.js';
import type { Database } from '../../lib/database/client.js';
import { newId } from '../../lib/ids.js';
import { createImage } from '../../lib/images/create-image.js';
import { receiveImage } from '../../lib/images/receive.js';
import { Dispatcher, queuesByType } from '../../lib/jobs/dispatcher.js';
import type { JobRow, JobType } from '../../lib/jobs/job.js';
import { openJobRecorder } from '../../lib/jobs/recorder.js';
import { findJob } from '../../lib/jobs/repository.js';
import type { JobQueue, QueuedJob } from '../../lib/queue/queue.js';
import type { BlobStore } from '../../lib/storage/blob-store.js';
import { openFileStore } from '../../lib/storage/file-store.js';
import { Cancellations } from '../../workers/cancellations.js';
import { Isolation } from '../../workers/isolation.js';
import { testConfig } from './config.js';
import { openTestDatabase } from './database.js';
import { recordingLogger } from './events.js';
import { picture } from './pictures.js';
import { temporaryFolder } from './services.js';

/** Where jobs of a test live: a database and a store, without a queue that delivers anything. */
export interface JobWorld {
  readonly url: string;
  readonly database: Database;
  readonly store: BlobStore;
  readonly config: Config;
  readonly dispatcher: Dispatcher;
  /** Folder of the store. */
  readonly folder: string;
  /** Records a picture and a job for renditions of it, as an upload does. */
  newJob(presets?: readonly string[], as?: Database): Promise<JobRow>;
  /** The job as it is now. @throws Error when it is gone */
  read(job: Pick<JobRow, 'id'>): Promise<JobRow>;
}

/** A queue that takes everything and delivers nothing; what it took stands in `taken`. */
export function silentQueue(taken: QueuedJob[] = []): JobQueue {
  return {
    add: async (jobs) => void taken.push(...jobs),
    holds: async ({ id, run = 0 }) => taken.some((job) => job.id === id && (job.run ?? 0) === run),
    waitingPriorities: async () => undefined,
    remove: async () => {},
    every: async () => {},
    pause: async () => {},
    resume: async () => {},
    isPaused: async () => false,
    drain: async () => {},
    close: async () => {},
  };
}

/** Queues of every type that deliver nothing, but for those given. */
export function silentQueues(given: Partial<Record<JobType, JobQueue>> = {}): Record<JobType, JobQueue> {
  return { ...queuesByType(() => silentQueue()), ...given };
}

/** What consumers of a worker of the test's own share. */
export function workerParts({ database, dispatcher }: Pick<JobWorld, 'database' | 'dispatcher'>) {
  const { log } = recordingLogger();
  const workerId = newId();
  return {
    database,
    dispatcher,
    recorder: openJobRecorder(database, workerId),
    isolation: new Isolation(),
    cancellations: new Cancellations(database, log),
    workerId,
    log,
    onOutcome: (): void => {},
  };
}

/** Makes a world for one test. */
export async function openJobWorld(t: Test, queue = silentQueue()): Promise<JobWorld> {
  const { url, database } = await openTestDatabase(t);
  const folder = await temporaryFolder(t);
  const store = await openFileStore(folder);
  const config = testConfig({ RESIZE_THREADS: '1', MAINTENANCE_SECONDS: '1', JOB_LOCK_SECONDS: '1' });
  const { log } = recordingLogger();
  const ping = async (): Promise<void> => {};
  const dispatcher = new Dispatcher({
    database,
    queues: silentQueues({ resize: queue }),
    ping,
    maxQueuedJobs: 100,
    log,
  });
  return {
    url,
    database,
    store,
    config,
    dispatcher,
    folder,
    newJob: async (presets = ['thumbnail'], as = database) => {
      const never = new AbortController().signal;
      const received = await receiveImage(Readable.from([await picture()]), store, config, never);
      const asker = { tenantId: 'default', requestId: 'test', traceparent: null };
      const about = { filename: 'picture.png', metadata: {} };
      const wanted = { presets, presetsPath: 'preset', renditions: [], priority: 'normal' } as const;
      const deps = { database: as, store, dispatcher, config };
      const made = await createImage(deps, asker, received, about, wanted);
      if (!made.job) throw new Error('the upload made no job');
      return made.job;
    },
    read: async ({ id }) => {
      const job = await database.query('jobs.find', (sql) => findJob(sql, 'default', id));
      if (!job) throw new Error('the job is gone');
      return job;
    },
  };
}
