import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { Dispatcher, queuesByType } from '../lib/jobs/dispatcher.js';
import { countWorkers } from '../lib/jobs/heartbeat.js';
import type { JobType } from '../lib/jobs/job.js';
import { findPaused } from '../lib/jobs/operate.js';
import { readWaiting } from '../lib/jobs/queue-stats.js';
import { watchQueues } from '../lib/metrics/queues.js';
import { openQueueBackend, type QueueBackend } from '../lib/queue/backend.js';
import { observeQueue } from '../lib/queue/observed-queue.js';
import type { JobQueue } from '../lib/queue/queue.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly queueBackend: QueueBackend;
    readonly queues: Readonly<Record<JobType, JobQueue>>;
    /** Hands jobs to the queue. */
    readonly dispatcher: Dispatcher;
  }
}

/** The API's side of the queues. */
export default fp<{ config: Config; databaseUrl: string }>(
  async (app, { config, databaseUrl }) => {
    const backend = openQueueBackend({
      redisUrl: config.redisUrl,
      databaseUrl,
      role: 'producer',
      applicationName: 'halftone-api',
      log: app.log,
    });
    const queues = queuesByType((type) =>
      observeQueue(type, backend.openQueue(type), app.metrics.onEnqueued),
    );
    watchQueues(app.metrics.serviceRegistry, () =>
      app.database.query('queues.measure', async (sql) => {
        const [jobs, paused, workers] = await Promise.all([
          readWaiting(sql),
          findPaused(sql),
          countWorkers(sql),
        ]);
        return { jobs, paused, workers };
      }),
    );
    app.decorate('queueBackend', backend);
    app.decorate('queues', queues);
    app.decorate(
      'dispatcher',
      new Dispatcher({
        database: app.database,
        queues,
        ping: () => backend.ping(),
        maxQueuedJobs: config.maxQueuedJobs,
        log: app.log,
      }),
    );
    app.addHook('onClose', async () => {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
      await backend.close();
    });
  },
  { name: 'queues', dependencies: ['postgres', 'metrics'] },
);
