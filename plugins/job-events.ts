import fp from 'fastify-plugin';
import { EventStreams } from '../lib/http/event-stream.js';
import { JobCache } from '../lib/jobs/cache.js';
import { EventFeed } from '../lib/jobs/event-feed.js';
import { jobTypes } from '../lib/jobs/job.js';
import { findJob } from '../lib/jobs/repository.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Job state, short-lived and kept true by the queue's events. */
    readonly jobs: JobCache;
    /** What becomes of jobs, as it happens. */
    readonly jobEvents: EventFeed;
    /** The open streams of events. */
    readonly eventStreams: EventStreams;
  }
}

const HEARTBEAT_MS = 15_000;
const MOST_WAITING_BYTES = 256 * 1024;
const MS_A_MINUTE = 60_000;

/**
 * The cache of job state and the feed of what becomes of jobs, and the queue's events that tell both what to
 * look at: one reader a queue and process.
 */
export default fp(
  async (app) => {
    const jobs = new JobCache({
      load: (tenantId, id) =>
        app.database.of(tenantId).query('jobs.find', (sql) => findJob(sql, tenantId, id)),
    });
    app.decorate('jobs', jobs);
    app.metrics.watchJobCache(jobs);
    const { eventTtlMinutes, maxEventStreams } = app.config;
    const keptMs = eventTtlMinutes * MS_A_MINUTE;
    const feed = new EventFeed({ database: app.database, keptMs, log: app.log });
    app.decorate('jobEvents', feed);
    const streams = new EventStreams({
      most: maxEventStreams,
      heartbeatMs: HEARTBEAT_MS,
      mostWaitingBytes: MOST_WAITING_BYTES,
    });
    app.decorate('eventStreams', streams);
    const onChange = (id: string, ended: boolean): void => {
      jobs.invalidate(id, ended);
      feed.poke(id);
    };
    const subscriptions = jobTypes.map((type) => app.queueBackend.listen(type, { onChange }));
    app.addHook('preClose', async () => streams.close());
    app.addHook('onClose', async () => {
      await Promise.all([feed.close(), ...subscriptions.map((subscription) => subscription.close())]);
    });
  },
  { name: 'job-events', dependencies: ['settings', 'queues', 'metrics'] },
);
