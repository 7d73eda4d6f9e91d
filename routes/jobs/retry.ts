import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isUuid } from '../../lib/ids.js';
import { retryJob } from '../../lib/jobs/retry.js';
import { partsOf } from '../parts.js';
import { answerJob, jobAnswer } from './answer.js';
import { jobNotFound } from './find.js';

/** `POST /v1/jobs/{id}/retry`: begins a job anew that failed or was cancelled. */
const retry: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/jobs/:id/retry',
    {
      config: { rateLimitClass: 'expensive' },
      schema: {
        tags: ['jobs'],
        summary: 'Begin a job anew that failed or was cancelled',
        params: Type.Object({ id: Type.String() }),
        response: {
          200: jobAnswer('The client waited, and the job has ended'),
          202: jobAnswer('The job is queued again'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (!isUuid(id)) throw jobNotFound();
      const job = await request.timings.measure('db', () => retryJob(partsOf(request), request.tenantId, id));
      app.jobs.invalidate(id, false);
      return answerJob(request, reply, job);
    },
  );
};

export default retry;
