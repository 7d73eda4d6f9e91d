import { Type } from 'typebox';
import { Id, Nullable, Time } from '../schemas.js';
import { roles } from './role.js';

/** What a tenant may be called. */
export const TENANT_PATTERN = '^[a-z0-9][a-z0-9_-]{0,62}$';
const MAX_NAME_LENGTH = 200;

const Role = Type.Enum([...roles], {
  description: 'reader reads, writer changes what the tenant has too, admin manages its keys too',
});

/** A key as the API shows it; its token is shown once, where it is made. */
export const KeySchema = Type.Object(
  {
    id: Id('The key'),
    prefix: Type.String({ description: 'The part of the token that may be seen' }),
    tenant: Type.String({ description: 'Whose data it sees' }),
    name: Nullable(Type.String({ description: 'What its owner calls it' })),
    role: Role,
    createdAt: Time('When it was made'),
    expiresAt: Nullable(Time('Until when it is good')),
    lastUsedAt: Nullable(Time('When it was last used, to the minute')),
    previousSecretUntil: Nullable(Time('Until when the secret before the last rotation is good')),
    revokedAt: Nullable(Time('When it was revoked')),
  },
  { $id: 'Key', description: 'An API key' },
);

/** A key with its token, as it is shown where one is made, and nowhere else. */
export const KeyWithSecretSchema = Type.Object(
  {
    ...KeySchema.properties,
    secret: Type.String({
      description: 'The whole bearer token, ht_<prefix>_<secret>; it is shown this once',
    }),
  },
  { $id: 'KeyWithSecret', description: 'A key and its new token' },
);

/** The body of `POST /v1/keys`. */
export const NewKeySchema = Type.Object(
  {
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: MAX_NAME_LENGTH, description: 'What to call it' }),
    ),
    tenant: Type.String({
      pattern: TENANT_PATTERN,
      description:
        'Whose data it sees: your own tenant; operators give any, and a new one begins with its first key',
    }),
    role: Role,
    expiresAt: Type.Optional(Type.String({ format: 'date-time', description: 'Until when it is good' })),
  },
  { additionalProperties: false },
);
