import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { presentKey } from '../../lib/keys/key.js';
import { keyList } from '../../lib/keys/repository.js';
import { KeySchema } from '../../lib/keys/schema.js';
import { listRows } from '../../lib/lists/list.js';
import { listAnswer, listQuery } from '../schemas.js';
import { sendList } from '../send-list.js';
import { keysSeenBy } from './scope.js';

/** `GET /v1/keys`: the keys of the caller's tenant; operators see those of all. */
const list: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/keys',
    {
      config: { rateLimitClass: 'general', role: 'admin' },
      schema: {
        tags: ['keys'],
        summary: 'List keys, revoked ones too',
        querystring: listQuery(keyList),
        response: { 200: listAnswer(KeySchema) },
      },
    },
    async (request, reply) => {
      const listing = await request.timings.measure('db', () =>
        listRows(app.database, keyList, keysSeenBy(request.caller), request.query),
      );
      return sendList(request, reply, listing, presentKey);
    },
  );
};

export default list;
