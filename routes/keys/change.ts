import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { invalidField, Problem } from '../../lib/errors.js';
import { isUuid, newId } from '../../lib/ids.js';
import { type Caller, isOperator } from '../../lib/keys/caller.js';
import { type KeyRow, presentKey } from '../../lib/keys/key.js';
import { findKey, insertKey, revokeKey, rotateKey } from '../../lib/keys/repository.js';
import { NewKeySchema } from '../../lib/keys/schema.js';
import { formatToken, newToken } from '../../lib/keys/token.js';
import { ref } from '../schemas.js';
import { keysSeenBy } from './scope.js';

const config = { rateLimitClass: 'general', role: 'admin' } as const;
const params = Type.Object({ id: Type.String() });

/** Giving out keys, renewing their secrets, and revoking them. */
const change: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/keys',
    {
      config,
      schema: {
        tags: ['keys'],
        summary: 'Make a key',
        description:
          'Its token is shown this once. Operators make keys of any tenant, other admins of their own.',
        body: NewKeySchema,
        response: { 201: ref('KeyWithSecret') },
      },
    },
    async (request, reply) => {
      const { tenant, role, name = null } = request.body;
      const expiresAt = futureTime(request.body.expiresAt) ?? request.caller.expiresAt;
      assertNotMightier(request.caller, { tenantId: tenant, expiresAt });
      const token = newToken();
      const row = await request.timings.measure('db', () =>
        app.database.transaction('apiKeys.create', (sql) =>
          insertKey(sql, { id: newId(), tenantId: tenant, name, role, expiresAt }, token),
        ),
      );
      if (!row) throw new Error('a new prefix of 64 random bits was taken');
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send(shownOnce(row, formatToken(token)));
    },
  );

  app.post(
    '/keys/:id/rotate',
    {
      config,
      schema: {
        tags: ['keys'],
        summary: 'Give a key a new secret; the one before stays good for 24 hours',
        params,
        response: { 200: ref('KeyWithSecret') },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { secret } = newToken();
      const row = await request.timings.measure('db', () => rotate(request.caller, id, secret));
      app.keyRing.forget(id);
      return reply
        .header('cache-control', 'no-store')
        .send(shownOnce(row, formatToken({ prefix: row.prefix, secret })));
    },
  );

  async function rotate(caller: Caller, id: string, secret: string): Promise<KeyRow> {
    const tenantId = keysSeenBy(caller);
    const standing = isUuid(id)
      ? await app.database.query('apiKeys.find', (sql) => findKey(sql, tenantId, id))
      : undefined;
    if (standing) assertNotMightier(caller, standing);
    const row =
      standing && (await app.database.query('apiKeys.rotate', (sql) => rotateKey(sql, tenantId, id, secret)));
    if (!row) throw keyNotFound();
    return row;
  }

  app.delete(
    '/keys/:id',
    {
      config,
      schema: {
        tags: ['keys'],
        summary: 'Revoke a key; within 5 seconds it is good nowhere',
        params,
        response: { 204: Type.Null({ description: 'Revoked' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const revoked =
        isUuid(id) &&
        (await request.timings.measure('db', () =>
          app.database.query('apiKeys.revoke', (sql) => revokeKey(sql, keysSeenBy(request.caller), id)),
        ));
      if (!revoked) throw keyNotFound();
      app.keyRing.forget(id);
      return reply.code(204).send(null);
    },
  );
};

export default change;

function shownOnce(row: KeyRow, secret: string) {
  return { ...presentKey(row), secret };
}

/** No key shows the token of one that is mightier than itself: of another tenant, or good for longer. */
function assertNotMightier(
  caller: Caller,
  { tenantId, expiresAt }: Pick<KeyRow, 'tenantId' | 'expiresAt'>,
): void {
  if (tenantId !== caller.tenantId && !isOperator(caller)) {
    throw new Problem(
      'KEY_TOO_MIGHTY',
      `tenant is ${tenantId}; this key makes keys of ${caller.tenantId} only.`,
    );
  }
  const until = caller.expiresAt;
  if (until !== null && (expiresAt === null || expiresAt > until)) {
    const end = expiresAt === null ? 'never' : expiresAt.toISOString();
    throw new Problem(
      'KEY_TOO_MIGHTY',
      `The key would expire ${end}; this one does at ${until.toISOString()}.`,
    );
  }
}

function futureTime(text: string | undefined): Date | null {
  if (text === undefined) return null;
  const time = new Date(text);
  if (time.getTime() > Date.now()) return time;
  throw invalidField('expiresAt', `is ${text}, which is past; it takes a time to come`);
}

function keyNotFound(): Problem {
  return new Problem('KEY_NOT_FOUND', 'There is no key of this id.');
}
