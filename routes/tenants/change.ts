import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { findTenant, isTenantId, setQuotas } from '../../lib/tenants/repository.js';
import { TenantChangeSchema } from '../../lib/tenants/schema.js';
import { presentTenant } from '../../lib/tenants/tenant.js';
import { ref } from '../schemas.js';
import { tenantNotFound } from './not-found.js';

/** `PATCH /v1/tenants/{id}`: what a tenant may have. */
const change: FastifyPluginAsyncTypebox = async (app) => {
  app.patch(
    '/tenants/:id',
    {
      config: { rateLimitClass: 'general', role: 'operator' },
      schema: {
        tags: ['tenants'],
        summary: 'Set quotas of a tenant; those that the body does not name stay',
        params: Type.Object({ id: Type.String() }),
        body: TenantChangeSchema,
        response: { 200: ref('Tenant') },
      },
    },
    async (request) => {
      const { id } = request.params;
      if (!isTenantId(id)) throw tenantNotFound();
      const row = await request.timings.measure('db', () =>
        app.database.transaction('tenants.setQuotas', async (sql) =>
          (await setQuotas(sql, id, request.body.quotas)) ? findTenant(sql, id) : undefined,
        ),
      );
      if (!row) throw tenantNotFound();
      return presentTenant(row);
    },
  );
};

export default change;
