import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { listRows } from '../../lib/lists/list.js';
import { deliveryList } from '../../lib/notifications/deliveries.js';
import { presentDelivery } from '../../lib/notifications/delivery-row.js';
import { DeliverySchema } from '../../lib/notifications/delivery-schema.js';
import { listAnswer, listQuery } from '../schemas.js';
import { sendList } from '../send-list.js';
import { requireWebhook } from './find.js';

/** `GET /v1/webhooks/{id}/deliveries`: what was sent there, and how it went. */
const deliveries: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/webhooks/:id/deliveries',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'List the deliveries of a webhook',
        params: Type.Object({ id: Type.String() }),
        querystring: listQuery(deliveryList),
        response: { 200: listAnswer(DeliverySchema) },
      },
    },
    async (request, reply) => {
      const { id } = await requireWebhook(request, request.params.id);
      const listing = await request.timings.measure('db', () =>
        listRows(request.database, deliveryList, request.tenantId, request.query, (sql) => [
          sql`webhook_id = ${id}`,
        ]),
      );
      return sendList(request, reply, listing, presentDelivery);
    },
  );
};

export default deliveries;
