import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { newId } from '../../lib/ids.js';
import { insertWebhook, rotateSecret } from '../../lib/webhooks/repository.js';
import { NewWebhookSchema } from '../../lib/webhooks/schema.js';
import { webhookUrl } from '../../lib/webhooks/url.js';
import { presentWebhook, webhookPath } from '../../lib/webhooks/webhook.js';
import { ref } from '../schemas.js';
import { requireWebhook, webhookNotFound } from './find.js';

/** Making a webhook, and giving it another secret: the two answers that show one. */
const create: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/webhooks',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'Have events sent to a URL',
        description:
          'Messages are signed as the Standard Webhooks specification has it (webhook-id, webhook-timestamp, webhook-signature), tried again for a day, and may arrive twice under one webhook-id.',
        body: NewWebhookSchema,
        response: { 201: ref('WebhookWithSecret') },
      },
    },
    async (request, reply) => {
      const { url, events, enabled = true } = request.body;
      const settings = { url: webhookUrl(url, app.config), events, enabled };
      const { row, secret } = await request.timings.measure('db', () =>
        request.database.query('webhooks.create', (sql) =>
          insertWebhook(sql, newId(), request.tenantId, settings),
        ),
      );
      return reply
        .code(201)
        .headers({ location: webhookPath(row.id), 'cache-control': 'no-store' })
        .send({ ...presentWebhook(row), secret });
    },
  );

  app.post(
    '/webhooks/:id/rotate',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['webhooks'],
        summary: 'Give a webhook a new secret; the one before stays good for 24 hours',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ref('WebhookWithSecret') },
      },
    },
    async (request, reply) => {
      const { id } = await requireWebhook(request, request.params.id);
      const rotated = await request.timings.measure('db', () =>
        request.database.query('webhooks.rotate', (sql) => rotateSecret(sql, request.tenantId, id)),
      );
      if (!rotated) throw webhookNotFound();
      return reply
        .header('cache-control', 'no-store')
        .send({ ...presentWebhook(rotated.row), secret: rotated.secret });
    },
  );
};

export default create;
