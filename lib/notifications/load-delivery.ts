import type { Database } from '../database/client.js';
import { Problem } from '../errors.js';
import { findSecrets, findWebhook } from '../webhooks/repository.js';
import { findDelivery } from './deliveries.js';
import type { DeliveryRow, MailHead } from './delivery-row.js';

/** Where a delivery goes. */
export type Target =
  | {
      readonly dependency: 'webhook';
      readonly host: string;
      readonly url: string;
      readonly secrets: readonly string[];
    }
  | { readonly dependency: 'smtp'; readonly host: ''; readonly mail: MailHead };

/**
 * Reads a delivery and where it goes.
 *
 * @throws Problem DELIVERY_NOT_FOUND (404) where the webhook was deleted, WEBHOOK_DISABLED (409)
 */
export async function loadDelivery(
  database: Database,
  id: string,
): Promise<{ readonly delivery: DeliveryRow; readonly target: Target }> {
  return database.query('deliveries.load', async (sql) => {
    const delivery = await findDelivery(sql, id);
    if (!delivery) throw new Problem('DELIVERY_NOT_FOUND', 'The webhook was deleted before it was told.');
    const { mail, webhookId, tenantId } = delivery;
    if (mail) return { delivery, target: { dependency: 'smtp', host: '', mail } };
    const [webhook, secrets] = await Promise.all([
      findWebhook(sql, tenantId, webhookId ?? ''),
      findSecrets(sql, webhookId ?? ''),
    ]);
    if (!webhook?.enabled)
      throw new Problem('WEBHOOK_DISABLED', 'The webhook was switched off before it was told.');
    const { url } = webhook;
    return { delivery, target: { dependency: 'webhook', host: new URL(url).host, url, secrets } };
  });
}
