import { Type } from 'typebox';
import { Id } from '../schemas.js';

/** Who is told when a job ends, beside the webhooks that are subscribed to it. */
export interface NotifyOptions {
  /** Addresses; all of them get one message. */
  readonly email?: readonly string[];
  /** A webhook that gets it whatever it is subscribed to. */
  readonly webhookId?: string;
}

/** Most addresses of one message. */
const MAX_RECIPIENTS = 10;
// RFC 5321, 4.5.3.1.3: a path is at most 256 octets, two of which are its angle brackets.
const MAX_ADDRESS_LENGTH = 254;

/** {@link NotifyOptions} as a body holds them; what a schema cannot see, `checkNotify` checks. */
export const NotifySchema = Type.Object(
  {
    email: Type.Optional(
      Type.Array(Type.String({ format: 'email', maxLength: MAX_ADDRESS_LENGTH }), {
        minItems: 1,
        maxItems: MAX_RECIPIENTS,
        uniqueItems: true,
        description: 'Addresses that get a message',
      }),
    ),
    webhookId: Type.Optional(Id('A webhook that is told, whatever it is subscribed to')),
  },
  { additionalProperties: false, minProperties: 1, description: 'Who is told of the end' },
);
