import type { Config } from '../lib/config.js';
import { openDatabase } from '../lib/database/client.js';
import { BEAT_MS, beat, endBeat } from '../lib/jobs/heartbeat.js';
import { type JobType, jobTypes } from '../lib/jobs/job.js';
import type { Logger } from '../lib/logger.js';
import { openQueueBackend } from '../lib/queue/backend.js';
import type { JobQueue } from '../lib/queue/queue.js';
import { openFileStore } from '../lib/storage/file-store.js';
import { storePath } from '../lib/storage/keys.js';
import { consume, giveUp } from './consumer.js';
import { createWorkerMetrics, type WorkerMetrics } from './metrics.js';
import { startResizePool } from './pool.js';
import { maintain } from './processors/maintenance.js';
import type { Processor } from './processors/processor.js';
import { resizeProcessor } from './processors/resize.js';

/** A running worker. */
export interface RunningWorker {
  readonly metrics: WorkerMetrics;
  /** Takes no more jobs, lets the active ones end, and closes everything in order. */
  close(): Promise<void>;
}

/** What a worker is started with. */
export interface WorkerOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly workerId: string;
  readonly log: Logger;
  /** Ends the process: a thread hangs, and only a new process helps. */
  readonly abort: (reason: string) => void;
  /** The thread entry; another one only in tests. */
  readonly resizeEntry?: URL;
}

// One job in each thread and one ready behind it: while a thread decodes, the consumer finishes the
// job before and prepares the job after. More would only wait in memory instead of in the queue.
const JOBS_AHEAD = 2;
const MAINTENANCE_QUEUE = 'maintenance';

/** Starts a worker: consumers of every job type, the resize pool, maintenance, and the heart-beat. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { config, databaseUrl, workerId, log } = options;
  const threads = config.resizeThreads;
  const pool = startResizePool(options.resizeEntry ?? new URL('./resize.js', import.meta.url), threads);
  const metrics = createWorkerMetrics(() => pool);
  const database = openDatabase({
    url: databaseUrl,
    applicationName: 'halftone-worker',
    poolSize: Math.min(config.databasePoolSize, threads + JOBS_AHEAD + 2),
    statementTimeoutMs: config.statementTimeoutMs,
    slowQueryMs: config.slowQueryMs,
    log,
    onQuery: metrics.onQuery,
  });
  const store = await openFileStore(storePath(config.dataDir));
  const backend = openQueueBackend({
    redisUrl: config.redisUrl,
    databaseUrl,
    role: 'consumer',
    applicationName: 'halftone-worker',
    log,
  });
  const onHang = (job: string): void => {
    log.fatal({ job }, 'a resize thread does not come back');
    options.abort('a resize thread hangs');
  };
  const processors = processorsByType([resizeProcessor({ database, store, pool, config, onHang })]);
  const lock = {
    lockMs: config.jobLockSeconds * 1000,
    onGivenUp: (id: string, reason: string) => giveUp({ database, log }, id, reason),
  };
  const consumers = jobTypes.map((type) =>
    backend.openConsumer(
      type,
      consume({ database, processor: processors[type], workerId, log, onOutcome: metrics.onOutcome }),
      { ...lock, concurrency: threads + JOBS_AHEAD },
    ),
  );
  const queues = queuesByType((type) => backend.openQueue(type));
  const maintenanceQueue = backend.openQueue(MAINTENANCE_QUEUE);
  const maintenance = backend.openConsumer(
    MAINTENANCE_QUEUE,
    () => maintain({ database, store, queues, config, log }),
    { ...lock, concurrency: 1, onGivenUp: () => undefined },
  );
  // Asked for again and again: a Redis that lost its data has lost the schedule too, and this is what
  // fills it again. One that is away is waited for.
  let scheduling = false;
  const schedule = async (): Promise<void> => {
    if (scheduling) return;
    scheduling = true;
    await maintenanceQueue
      .every(config.maintenanceSeconds * 1000, MAINTENANCE_QUEUE)
      .catch((error) => log.warn({ err: error }, 'maintenance is not scheduled'));
    scheduling = false;
  };
  void schedule();

  const sayAlive = (): Promise<void> =>
    database
      .query('workers.beat', (sql) => beat(sql, workerId))
      .catch((error) => log.warn({ err: error }, 'no heart-beat'));
  await sayAlive();
  const beating = setInterval(() => {
    void schedule();
    void sayAlive();
  }, BEAT_MS);

  return {
    metrics,
    close: async () => {
      clearInterval(beating);
      await Promise.all([...consumers, maintenance].map((consumer) => consumer.close()));
      await pool.close();
      await Promise.all([...Object.values(queues), maintenanceQueue].map((queue) => queue.close()));
      await backend.close();
      await database.query('workers.endBeat', (sql) => endBeat(sql, workerId)).catch(() => undefined);
      await database.close();
    },
  };
}

/** @throws Error when a job type has no processor, or two: the worker must not start */
function processorsByType(processors: readonly Processor[]): Readonly<Record<JobType, Processor>> {
  const find = (type: JobType): Processor => {
    const [processor, ...more] = processors.filter((each) => each.type === type);
    if (!processor || more.length > 0)
      throw new Error(`job type ${type} has ${more.length + (processor ? 1 : 0)} processors`);
    return processor;
  };
  return { resize: find('resize') };
}

function queuesByType(open: (type: JobType) => JobQueue): Readonly<Record<JobType, JobQueue>> {
  return { resize: open('resize') };
}
