import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { isOperator } from '../../lib/keys/caller.js';
import { listRows } from '../../lib/lists/list.js';
import { findTenant, isTenantId, tenantList } from '../../lib/tenants/repository.js';
import { TenantSchema } from '../../lib/tenants/schema.js';
import { presentTenant } from '../../lib/tenants/tenant.js';
import { listAnswer, listQuery, ref } from '../schemas.js';
import { sendList } from '../send-list.js';
import { tenantNotFound } from './not-found.js';

/** `GET /v1/tenants` for operators; `GET /v1/tenants/{id}` for the tenant's own admins too. */
const read: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/tenants',
    {
      config: { rateLimitClass: 'general', role: 'operator' },
      schema: {
        tags: ['tenants'],
        summary: 'List tenants, with what they may have and what they have',
        querystring: listQuery(tenantList),
        response: { 200: listAnswer(TenantSchema) },
      },
    },
    async (request, reply) => {
      const listing = await request.timings.measure('db', () =>
        listRows(app.database, tenantList, null, request.query),
      );
      return sendList(request, reply, listing, presentTenant);
    },
  );

  app.get(
    '/tenants/:id',
    {
      config: { rateLimitClass: 'general', role: 'admin' },
      schema: {
        tags: ['tenants'],
        summary: 'What a tenant may have, and what it has',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ref('Tenant') },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { caller } = request;
      const row =
        isTenantId(id) && (id === caller.tenantId || isOperator(caller))
          ? await request.timings.measure('db', () =>
              app.database.query('tenants.find', (sql) => findTenant(sql, id)),
            )
          : undefined;
      if (!row) throw tenantNotFound();
      return reply.header('cache-control', 'no-store').send(presentTenant(row));
    },
  );
};

export default read;
