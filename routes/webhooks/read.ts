import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { listRows } from '../../lib/lists/list.js';
import { webhookList } from '../../lib/webhooks/repository.js';
import { WebhookSchema } from '../../lib/webhooks/schema.js';
import { presentWebhook } from '../../lib/webhooks/webhook.js';
import { listAnswer, listQuery, ref } from '../schemas.js';
import { sendList } from '../send-list.js';
import { requireWebhook } from './find.js';

/** Reading webhooks: the list, and one. */
const read: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/webhooks',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'List webhooks',
        querystring: listQuery(webhookList),
        response: { 200: listAnswer(WebhookSchema) },
      },
    },
    async (request, reply) => {
      const listing = await request.timings.measure('db', () =>
        listRows(request.database, webhookList, request.tenantId, request.query),
      );
      return sendList(request, reply, listing, presentWebhook);
    },
  );

  app.get(
    '/webhooks/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'One webhook',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ref('Webhook') },
      },
    },
    async (request) => presentWebhook(await requireWebhook(request, request.params.id)),
  );
};

export default read;
