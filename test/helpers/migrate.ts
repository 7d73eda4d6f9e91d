import { openDatabase } from '../../lib/database/client.js';
import { migrate } from '../../lib/database/migrate.js';
import { prepareTenantRole } from '../../lib/database/tenant-role.js';
import { migrateQueues } from '../../lib/queue/backend.js';
import { recordingLogger } from './events.js';
import { onDatabase, run } from './services.js';

// From dist/test/helpers, like the entry's from dist.
const migrations = new URL('../../../migrations/', import.meta.url);
const TEMPLATE = 'halftone_template';

/** Brings a test's database to the newest schema, queue and all. */
export async function migrateTestDatabase(url: string): Promise<void> {
  await migrate({ url, folder: migrations, after: migrateQueues, log: recordingLogger().log });
}

/**
 * Migrates a server's own database, and makes the one that those of tests are copies of: to copy takes a tenth of the
 * time to migrate.
 *
 * @returns its name
 */
export async function makeTemplate(server: string): Promise<string> {
  await migrateTestDatabase(server);
  // It is the server's: services that start side by side find it there.
  const database = openDatabase({
    url: server,
    applicationName: 'halftone-test',
    poolSize: 1,
    statementTimeoutMs: 5_000,
    slowQueryMs: 5_000,
    log: recordingLogger().log,
  });
  await database.transaction('tenants.prepareRole', prepareTenantRole);
  await database.close();
  await run(
    onDatabase(server, 'postgres'),
    `create database ${TEMPLATE} template ${new URL(server).pathname.slice(1)}`,
  );
  return TEMPLATE;
}
