import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { jobTypes } from '../../lib/jobs/job.js';
import { MAX_COUNTED, SAMPLE } from '../../lib/jobs/queue-stats.js';
import { readQueues } from '../../lib/jobs/queue-view.js';
import { Nullable, Time } from '../../lib/schemas.js';

const Count = (description: string) => Type.Integer({ minimum: 0, description });
const Percentiles = (description: string) =>
  Type.Object(
    {
      p50: Nullable(Type.Integer({ minimum: 0 })),
      p95: Nullable(Type.Integer({ minimum: 0 })),
      p99: Nullable(Type.Integer({ minimum: 0 })),
    },
    { description },
  );
const sampled = `of the last ${SAMPLE.jobs} jobs completed within the hour`;

const QueueSchema = Type.Object({
  name: Type.Enum([...jobTypes], { description: 'The type of its jobs' }),
  paused: Type.Boolean({ description: 'No job is taken until it is resumed' }),
  counts: Type.Object(
    {
      queued: Count('Wait to be taken'),
      delayed: Count('Wait for their time'),
      active: Count('In hand'),
      completed: Count(`Ended well, and kept; counted up to ${MAX_COUNTED}`),
      failed: Count('Failed for good, and kept'),
      cancelled: Count('Cancelled, and kept'),
    },
    { description: 'Jobs by state' },
  ),
  oldestQueuedAt: Nullable(Time('Since when the oldest queued job has been waiting')),
  oldestQueuedSeconds: Nullable(Type.Number({ minimum: 0, description: 'The same, as its age' })),
  throughputPerMinute: Type.Number({
    minimum: 0,
    description: 'Jobs completed a minute, as of the last minute',
  }),
  waitMs: Percentiles(`Milliseconds from creation to the first start, ${sampled}`),
  runMs: Percentiles(`Milliseconds from the first start to the end, ${sampled}`),
});

/** `GET /v1/queues`: how the queues fare, over all tenants. For operators. */
const list: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/queues',
    {
      config: { rateLimitClass: 'general', role: 'operator' },
      schema: {
        tags: ['system'],
        summary: 'How the queues fare',
        response: { 200: Type.Object({ data: Type.Array(QueueSchema) }) },
      },
    },
    async (request, reply) => {
      const data = await request.timings.measure('db', () => app.database.query('queues.read', readQueues));
      return reply.header('cache-control', 'no-cache').send({ data });
    },
  );
};

export default list;
