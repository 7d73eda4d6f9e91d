import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isUuid } from '../../lib/ids.js';
import { deleteWebhook, updateWebhook } from '../../lib/webhooks/repository.js';
import { WebhookChangeSchema } from '../../lib/webhooks/schema.js';
import { webhookUrl } from '../../lib/webhooks/url.js';
import { presentWebhook } from '../../lib/webhooks/webhook.js';
import { ref } from '../schemas.js';
import { requireWebhook, webhookNotFound } from './find.js';

/** Changing a webhook, and deleting it. */
const change: FastifyPluginAsyncTypebox = async (app) => {
  const params = Type.Object({ id: Type.String() });

  app.patch(
    '/webhooks/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'Change where a webhook goes, what it is told of, and whether it is on',
        params,
        body: WebhookChangeSchema,
        response: { 200: ref('Webhook') },
      },
    },
    async (request) => {
      const { id } = await requireWebhook(request, request.params.id);
      const { url, ...rest } = request.body;
      const wanted = { ...rest, ...(url !== undefined && { url: webhookUrl(url, app.config) }) };
      const changed = await request.timings.measure('db', () =>
        request.database.query('webhooks.update', (sql) => updateWebhook(sql, request.tenantId, id, wanted)),
      );
      if (!changed) throw webhookNotFound();
      return presentWebhook(changed);
    },
  );

  app.delete(
    '/webhooks/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'Delete a webhook with its deliveries; those under way are cancelled',
        params,
        response: { 204: Type.Null({ description: 'Gone' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const deleted =
        isUuid(id) &&
        (await request.timings.measure('db', () =>
          request.database.transaction('webhooks.delete', (sql) => deleteWebhook(sql, request.tenantId, id)),
        ));
      if (!deleted) throw webhookNotFound();
      return reply.code(204).send(null);
    },
  );
};

export default change;
