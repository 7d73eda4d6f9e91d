import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { batchBodySchema, readBatchBody } from '../../lib/batches/body.js';
import { createBatch } from '../../lib/batches/create-batch.js';
import { presentJob } from '../../lib/jobs/job.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { jobPath } from '../../lib/paths.js';
import { askerOf } from '../asker.js';
import { jobAnswer } from '../jobs/answer.js';
import { waitIfPreferred } from '../wait.js';

/** `POST /v1/batches`: asks for renditions of many images, and for what comes after them. */
const create: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/batches',
    {
      config: { rateLimitClass: 'expensive' },
      // The schema is for the document: a wrong id among ten thousand is named by its place.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['batches'],
        summary: 'Ask for renditions of many images',
        description:
          'Its members are jobs, listed by `GET /v1/jobs?parentId=`; then come its steps. With `Prefer: wait=N` the answer is held until all has ended.',
        body: batchBodySchema,
        response: {
          200: jobAnswer('The client waited, and the batch has ended'),
          202: jobAnswer('The batch; its result counts its members and steps'),
        },
      },
    },
    async (request, reply) => {
      const wish = readBatchBody(request.body);
      const job = await request.timings.measure('db', () => createBatch(app, askerOf(request), wish));
      const waited = await waitIfPreferred(request, reply, job.id);
      if (waited && hasEnded(waited.row.state)) return reply.send({ job: presentJob(waited.row) });
      return reply
        .code(202)
        .headers({ location: jobPath(job.id), 'retry-after': '1' })
        .send({ job: presentJob(waited?.row ?? job) });
    },
  );
};

export default create;
