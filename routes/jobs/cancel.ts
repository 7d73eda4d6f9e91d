import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isUuid } from '../../lib/ids.js';
import { cancelJob } from '../../lib/jobs/cancel.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { partsOf } from '../parts.js';
import { answerJob, jobAnswer } from './answer.js';
import { jobNotFound } from './find.js';

/** `DELETE /v1/jobs/{id}`: cancels a job. What has ended stays as it is; its row is its history. */
const cancel: FastifyPluginAsyncTypebox = async (app) => {
  app.delete(
    '/jobs/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['jobs'],
        summary: 'Cancel a job',
        description:
          'A job that waits is cancelled at once; one that runs stops within two seconds, and leaves nothing behind. With `Prefer: wait=N` the answer is held until it has.',
        params: Type.Object({ id: Type.String() }),
        response: {
          200: jobAnswer('The job is cancelled'),
          202: jobAnswer('The job runs, and is being stopped'),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (!isUuid(id)) throw jobNotFound();
      const job = await request.timings.measure('db', () =>
        cancelJob(partsOf(request), request.tenantId, id),
      );
      // The queue tells nobody of a job that it did not hold.
      app.jobs.invalidate(id, hasEnded(job.state));
      return answerJob(request, reply, job);
    },
  );
};

export default cancel;
