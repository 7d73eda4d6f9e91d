import { Type } from 'typebox';
import { subscribable } from '../notifications/event-types.js';
import { Id, Nullable, Time } from '../schemas.js';

/** Longest URL of a webhook, in characters. */
const MAX_URL_LENGTH = 2048;

/** A webhook as the API shows it; its secret is shown once, where it is made. */
export const WebhookSchema = Type.Object(
  {
    id: Id('The webhook'),
    url: Type.String({ description: 'Where events are sent' }),
    events: Type.Array(Type.Enum([...subscribable]), { description: 'What it is told of; * is everything' }),
    enabled: Type.Boolean({ description: 'Whether it is told anything' }),
    disabledReason: Nullable(Type.String({ description: 'Why the service switched it off' })),
    failingSince: Nullable(Time('Since when every attempt has failed')),
    previousSecretUntil: Nullable(Time('Until when the secret before the last rotation is good')),
    createdAt: Time('When it was made'),
    links: Type.Object({ self: Type.String(), deliveries: Type.String() }),
  },
  { $id: 'Webhook', description: 'A subscription to events, by HTTP' },
);

/** A webhook with its secret, as it is shown where one is made, and nowhere else. */
export const WebhookWithSecretSchema = Type.Object(
  {
    ...WebhookSchema.properties,
    secret: Type.String({ description: 'What its messages are signed with; it is shown this once' }),
  },
  { $id: 'WebhookWithSecret', description: 'A webhook and its new secret' },
);

const properties = {
  url: Type.String({
    minLength: 1,
    maxLength: MAX_URL_LENGTH,
    description: 'An http or https URL that leads to a public address',
  }),
  events: Type.Array(Type.Enum([...subscribable]), {
    minItems: 1,
    uniqueItems: true,
    description: 'Types of events; * is everything',
  }),
  enabled: Type.Boolean({ description: 'Whether it is told anything' }),
};

/** The body of `POST /v1/webhooks`. */
export const NewWebhookSchema = Type.Object(
  { url: properties.url, events: properties.events, enabled: Type.Optional(properties.enabled) },
  { additionalProperties: false },
);

/** The body of `PATCH /v1/webhooks/{id}`. */
export const WebhookChangeSchema = Type.Partial(Type.Object(properties), {
  additionalProperties: false,
  minProperties: 1,
});
