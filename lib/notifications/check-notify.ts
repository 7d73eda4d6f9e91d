import type { Config } from '../config.js';
import type { Database } from '../database/client.js';
import { invalidField } from '../errors.js';
import { findWebhook } from '../webhooks/repository.js';
import type { NotifyOptions } from './notify-options.js';

/**
 * Checks what the schema of `notify` cannot see: that there is a mail server, and that webhook.
 *
 * @param path where it stands in the request
 * @throws Problem VALIDATION_FAILED (400) that names the field
 */
export async function checkNotify(
  { database, config }: { readonly database: Database; readonly config: Pick<Config, 'smtpUrl'> },
  tenantId: string,
  { email, webhookId }: NotifyOptions,
  path = 'notify',
): Promise<void> {
  if (email && config.smtpUrl === undefined)
    throw invalidField(`${path}.email`, 'asks for e-mail, which this service cannot send: SMTP_URL is unset');
  if (webhookId === undefined) return;
  const webhook = await database.query('webhooks.find', (sql) => findWebhook(sql, tenantId, webhookId));
  if (!webhook) throw invalidField(`${path}.webhookId`, 'names a webhook that there is not');
  if (!webhook.enabled) throw invalidField(`${path}.webhookId`, 'names a webhook that is switched off');
}
