import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../lib/errors.js';
import { isUuid } from '../../lib/ids.js';
import { presentJob } from '../../lib/jobs/job.js';
import { findDeliveryOf } from '../../lib/notifications/deliveries.js';
import { presentDelivery } from '../../lib/notifications/delivery-row.js';
import { replayDelivery } from '../../lib/notifications/replay.js';
import { jobPath } from '../../lib/paths.js';
import { ref } from '../schemas.js';
import { requireWebhook } from './find.js';

/** `POST /v1/webhooks/{id}/deliveries/{deliveryId}/replay`: sends a message once more, under the same id. */
const replay: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/webhooks/:id/deliveries/:deliveryId/replay',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'Send a message once more that was delivered, failed or was cancelled',
        params: Type.Object({ id: Type.String(), deliveryId: Type.String() }),
        response: {
          202: {
            description: 'It is under way again',
            type: 'object',
            required: ['delivery', 'job'],
            properties: { delivery: ref('Delivery'), job: ref('Job') },
          },
        },
      },
    },
    async (request, reply) => {
      const { id, deliveryId } = request.params;
      const webhook = await requireWebhook(request, id);
      if (!isUuid(deliveryId)) throw deliveryNotFound();
      if (!webhook.enabled)
        throw new Problem(
          'WEBHOOK_DISABLED',
          'The webhook is switched off; switch it on to send it anything.',
        );
      const begun = await request.timings.measure('db', () =>
        request.database.transaction('deliveries.replay', async (sql) => {
          if (!(await findDeliveryOf(sql, webhook.id, deliveryId))) throw deliveryNotFound();
          const job = await replayDelivery(sql, deliveryId);
          const delivery = await findDeliveryOf(sql, webhook.id, deliveryId);
          return job && delivery && { job, delivery };
        }),
      );
      if (!begun)
        throw new Problem('DELIVERY_UNFINISHED', 'The delivery has not ended; it is tried by itself.');
      await app.dispatcher.dispatch(begun.job);
      app.jobs.invalidate(deliveryId, false);
      return reply
        .code(202)
        .headers({ location: jobPath(begun.job.id), 'retry-after': '1' })
        .send({ delivery: presentDelivery(begun.delivery), job: presentJob(begun.job) });
    },
  );
};

export default replay;

function deliveryNotFound(): Problem {
  return new Problem('DELIVERY_NOT_FOUND', 'There is no delivery of this id to this webhook.');
}
