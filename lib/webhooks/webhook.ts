import type { Subscribed } from '../notifications/event-types.js';

/** A webhook as its row has it, without its secrets. */
export interface WebhookRow {
  readonly id: string;
  readonly tenantId: string;
  readonly url: string;
  readonly events: readonly Subscribed[];
  readonly enabled: boolean;
  /** Why the service switched it off; null where its owner did, or where it is on. */
  readonly disabledReason: string | null;
  /** Since when every attempt has failed; null while they arrive. */
  readonly failingSince: Date | null;
  /** Until when the secret before the last rotation is good. */
  readonly previousSecretUntil: Date | null;
  readonly createdAt: Date;
}

/** A webhook as the API shows it. */
export interface Webhook {
  readonly id: string;
  readonly url: string;
  readonly events: readonly Subscribed[];
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly failingSince: string | null;
  readonly previousSecretUntil: string | null;
  readonly createdAt: string;
  readonly links: { readonly self: string; readonly deliveries: string };
}

/** Where a webhook is read. */
export function webhookPath(id: string): string {
  return `/v1/webhooks/${id}`;
}

/** A row as the API shows it. */
export function presentWebhook(row: WebhookRow): Webhook {
  const self = webhookPath(row.id);
  return {
    id: row.id,
    url: row.url,
    events: row.events,
    enabled: row.enabled,
    disabledReason: row.disabledReason,
    failingSince: row.failingSince?.toISOString() ?? null,
    previousSecretUntil: row.previousSecretUntil?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    links: { self, deliveries: `${self}/deliveries` },
  };
}
