import type { Config } from '../lib/config.js';
import { openDatabase } from '../lib/database/client.js';
import { Dispatcher, queuesByType } from '../lib/jobs/dispatcher.js';
import { BEAT_MS, beat, endBeat } from '../lib/jobs/heartbeat.js';
import type { JobType } from '../lib/jobs/job.js';
import { openJobRecorder } from '../lib/jobs/recorder.js';
import type { Logger } from '../lib/logger.js';
import { openOutbound } from '../lib/outbound/client.js';
import { openQueueBackend } from '../lib/queue/backend.js';
import { observeQueue } from '../lib/queue/observed-queue.js';
import type { JobConsumer } from '../lib/queue/queue.js';
import { sourceRules } from '../lib/sources/rules.js';
import { openFileStore } from '../lib/storage/file-store.js';
import { storePath } from '../lib/storage/keys.js';
import { Cancellations } from './cancellations.js';
import { consume, giveUp } from './consumer.js';
import { startExportThread } from './export-thread.js';
import { FetchPlaces } from './fetch-places.js';
import { Isolation } from './isolation.js';
import { createWorkerMetrics, type WorkerMetrics } from './metrics.js';
import { DELIVERIES_AT_ONCE, startNotifications } from './notifications.js';
import { startResizePool } from './pool.js';
import { batchProcessor } from './processors/batch.js';
import { exportProcessor } from './processors/export.js';
import { importProcessor } from './processors/import.js';
import { maintain } from './processors/maintenance.js';
import { resizeProcessor } from './processors/resize.js';
import { startSchedules } from './schedules.js';

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

// One job in each thread, one more so that none of them ever waits, and one whose rows are being read or written.
// More would only wait in memory instead of in the queue.
const JOBS_AHEAD = 2;
// A batch waits for the database and the queue, and for its members without being in hand.
const BATCHES_AT_ONCE = 4;
// Each reads a file as fast as the queue takes its rows, so more would only go slower beside each other.
const IMPORTS_AT_ONCE = 4;
const MAINTENANCE_QUEUE = 'maintenance';
// A request's queries fail soon, for a client waits. A job waits out a slow disk: to begin it again costs more.
const LEAST_STATEMENT_MS = 10_000;

/** Starts a worker: consumers of every job type, the resize pool, maintenance, and the heart-beat. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { databaseUrl, workerId, log } = options;
  const config: Config = {
    ...options.config,
    statementTimeoutMs: Math.max(options.config.statementTimeoutMs, LEAST_STATEMENT_MS),
  };
  const threads = config.resizeThreads;
  const pool = startResizePool(options.resizeEntry ?? new URL('./resize.js', import.meta.url), threads);
  const metrics = createWorkerMetrics(pool);
  const database = openDatabase({
    url: databaseUrl,
    applicationName: 'halftone-worker',
    poolSize: Math.min(config.databasePoolSize, threads + JOBS_AHEAD + 3),
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
  const outbound = openOutbound(sourceRules(config), { keepAlive: true });
  const stopping = new AbortController();
  const thread = startExportThread(new URL('./export.js', import.meta.url));
  const queues = queuesByType((type) => observeQueue(type, backend.openQueue(type), metrics.onEnqueued));
  const dispatcher = new Dispatcher({
    database,
    queues,
    ping: () => backend.ping(),
    maxQueuedJobs: config.maxQueuedJobs,
    log,
  });
  const cancellations = new Cancellations(database, log);
  const shared = {
    database,
    dispatcher,
    cancellations,
    recorder: openJobRecorder(database, workerId),
    workerId,
    log,
    onOutcome: metrics.onOutcome,
    isolation: new Isolation(),
  };
  const schedules = startSchedules({ database, dispatcher, config, log });
  const notifications = startNotifications({ database, dispatcher, log }, config);
  metrics.watchBreakers(notifications.breakers);
  const lock = {
    lockMs: config.jobLockSeconds * 1000,
    onGivenUp: (id: string, reason: string) => giveUp({ database, dispatcher, log }, id, reason),
  };
  const consumersByType: Readonly<Record<JobType, JobConsumer>> = {
    resize: backend.openConsumer(
      'resize',
      consume({
        ...shared,
        processor: resizeProcessor({
          database,
          recorder: shared.recorder,
          dispatcher,
          store,
          outbound,
          places: new FetchPlaces(threads + JOBS_AHEAD - 1),
          breakers: notifications.breakers,
          stopping: stopping.signal,
          pool,
          config,
          onHang,
        }),
      }),
      { ...lock, concurrency: threads + JOBS_AHEAD },
    ),
    export: backend.openConsumer(
      'export',
      consume({ ...shared, processor: exportProcessor({ database, databaseUrl, store, thread, config }) }),
      { ...lock, concurrency: 1 },
    ),
    batch: backend.openConsumer(
      'batch',
      consume({ ...shared, processor: batchProcessor({ database, dispatcher, config }) }),
      { ...lock, concurrency: BATCHES_AT_ONCE },
    ),
    import: backend.openConsumer(
      'import',
      consume({
        ...shared,
        processor: importProcessor({ database, store, dispatcher, config, stopping: stopping.signal }),
      }),
      { ...lock, concurrency: IMPORTS_AT_ONCE },
    ),
    notify: backend.openConsumer('notify', consume({ ...shared, processor: notifications.processor }), {
      ...lock,
      concurrency: DELIVERIES_AT_ONCE,
    }),
  };
  const consumers = Object.values(consumersByType);
  const maintenanceQueue = backend.openQueue(MAINTENANCE_QUEUE);
  const maintenance = backend.openConsumer(
    MAINTENANCE_QUEUE,
    () => maintain({ database, store, queues, dispatcher, config, log }),
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
      stopping.abort();
      await Promise.all([notifications.stop(), schedules.close()]);
      await Promise.all([...consumers, maintenance].map((consumer) => consumer.close()));
      cancellations.close();
      await Promise.all([pool.close(), thread.close(), notifications.close(), outbound.close()]);
      await Promise.all([...Object.values(queues), maintenanceQueue].map((queue) => queue.close()));
      await backend.close();
      await database.query('workers.endBeat', (sql) => endBeat(sql, workerId)).catch(() => undefined);
      await database.close();
    },
  };
}
