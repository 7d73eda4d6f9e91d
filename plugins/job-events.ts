import fp from 'fastify-plugin';
import { JobCache } from '../lib/jobs/cache.js';
import { jobTypes } from '../lib/jobs/job.js';
import { findJob } from '../lib/jobs/repository.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Job state, short-lived and kept true by the queue's events. */
    readonly jobs: JobCache;
  }
}

/** The cache of job state, and the events that invalidate it: one reader a queue and process. */
export default fp(
  async (app) => {
    const jobs = new JobCache({
      load: (tenantId, id) => app.database.query('jobs.find', (sql) => findJob(sql, tenantId, id)),
    });
    app.decorate('jobs', jobs);
    app.metrics.watchJobCache(jobs);
    const subscriptions = jobTypes.map((type) =>
      app.queueBackend.listen(type, { onChange: (id, ended) => jobs.invalidate(id, ended) }),
    );
    app.addHook('onClose', async () => {
      await Promise.all(subscriptions.map((subscription) => subscription.close()));
    });
  },
  { name: 'job-events', dependencies: ['queues', 'metrics'] },
);
