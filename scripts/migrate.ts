import { loadConfig } from '../lib/config.js';
import { startEmbeddedPostgres } from '../lib/database/embedded-postgres.js';
import { migrate } from '../lib/database/migrate.js';
import { createLogger } from '../lib/logger.js';
import { migrateQueues } from '../lib/queue/backend.js';

/** `npm run migrate`: brings the database that the configuration names to the newest schema, and ends. */
const config = loadConfig();
const log = createLogger('migrate', { level: config.logLevel, pretty: process.stdout.isTTY });
const embedded =
  config.databaseUrl === undefined
    ? await startEmbeddedPostgres({ dataDir: `${config.dataDir}/postgres`, log: (line) => log.debug(line) })
    : undefined;
try {
  await migrate({
    url: config.databaseUrl ?? embedded?.url ?? '',
    folder: new URL('../../migrations/', import.meta.url),
    after: config.redisUrl === undefined ? migrateQueues : async () => undefined,
    log,
  });
  log.info('the schema is up to date');
} finally {
  await embedded?.stop();
}
