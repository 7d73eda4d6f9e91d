import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { type Database, openDatabase } from '../lib/database/client.js';
import { watchPool } from '../lib/metrics/queries.js';

declare module 'fastify' {
  interface FastifyInstance {
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
      log: app.log,
      onQuery: app.metrics.onQuery,
    });
    watchPool(app.metrics.registry, database);
    app.decorate('database', database);
    app.addHook('onClose', () => database.close());
  },
  { name: 'postgres', dependencies: ['metrics'] },
);
