import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { Dispatcher } from '../lib/jobs/dispatcher.js';
import { openQueueBackend, type QueueBackend } from '../lib/queue/backend.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly queueBackend: QueueBackend;
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
    const queues = { resize: backend.openQueue('resize'), export: backend.openQueue('export') };
    app.decorate('queueBackend', backend);
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
  { name: 'queues', dependencies: ['postgres'] },
);
