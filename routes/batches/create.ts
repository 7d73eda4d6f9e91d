import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { batchBodySchema, readBatchBody } from '../../lib/batches/body.js';
import { createBatch } from '../../lib/batches/create-batch.js';
import { askerOf } from '../asker.js';
import { answerJob, jobAnswer } from '../jobs/answer.js';
import { partsOf } from '../parts.js';

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
      const job = await request.timings.measure('db', () =>
        createBatch(partsOf(request), askerOf(request), wish),
      );
      return answerJob(request, reply, job);
    },
  );
};

export default create;
