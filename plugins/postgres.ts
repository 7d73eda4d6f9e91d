import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { type Database, openDatabase } from '../lib/database/client.js';
import { watchPool } from '../lib/metrics/queries.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** The rows of all tenants: for what is of the service, and of its operators. */
    readonly database: Database;
  }
  interface FastifyRequest {
    /** The rows of the request's tenant: what a handler of a tenant's data reads and changes. */
    readonly database: Database;
  }
}

/** The API's connection pool. */
export default fp<{ config: Config; databaseUrl: string }>(
  async (app, { config, databaseUrl }) => {
    const database = openDatabase({
      url: databaseUrl,
      applicationName: 'halftone-api',
      poolSize: config.databasePoolSize,
      statementTimeoutMs: config.statementTimeoutMs,
      slowQueryMs: config.slowQueryMs,
      rowSecurity: config.rowSecurity === 'on',
      log: app.log,
      onQuery: app.metrics.onQuery,
    });
    watchPool(app.metrics.registry, database);
    app.decorate('database', database);
    app.decorateRequest('database', {
      getter(this: FastifyRequest) {
        return database.of(this.tenantId);
      },
    });
    app.addHook('onClose', () => database.close());
  },
  { name: 'postgres', dependencies: ['metrics'] },
);
