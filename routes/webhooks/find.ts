import type { FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import { isUuid } from '../../lib/ids.js';
import { findWebhook } from '../../lib/webhooks/repository.js';
import type { WebhookRow } from '../../lib/webhooks/webhook.js';

/**
 * The webhook that a request's path names.
 *
 * @throws Problem WEBHOOK_NOT_FOUND (404), also for an id that is no UUID
 */
export async function requireWebhook(request: FastifyRequest, id: string): Promise<WebhookRow> {
  const { database } = request;
  const found = isUuid(id)
    ? await request.timings.measure('db', () =>
        database.query('webhooks.find', (sql) => findWebhook(sql, request.tenantId, id)),
      )
    : undefined;
  if (!found) throw webhookNotFound();
  return found;
}

/** The 404 of a webhook. */
export function webhookNotFound(): Problem {
  return new Problem('WEBHOOK_NOT_FOUND', 'There is no webhook of this id.');
}
