import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { asTenant } from '../lib/database/tenancy.js';

/**
 * Where `ROW_SECURITY` is on: the handlers of `/v1` see the rows of their request's tenant only, whatever their
 * queries ask for. Routes that name a role of their own manage keys, queues and tenants, and look beyond it.
 */
export default fp<{ config: Pick<Config, 'rowSecurity'> }>(
  async (app, { config }) => {
    if (config.rowSecurity === 'off') return;
    app.addHook('onRoute', (route) => {
      if (!route.url.startsWith('/v1/') || route.config?.role !== undefined) return;
      const { handler } = route;
      route.handler = function (request, reply) {
        return asTenant(request.tenantId, () => handler.call(this, request, reply));
      };
    });
  },
  { name: 'row-security', dependencies: ['postgres'] },
);
