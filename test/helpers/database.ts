import type { Test } from 'tap';
import { type Database, type DatabaseOptions, openDatabase } from '../../lib/database/client.js';
import { migrate } from '../../lib/database/migrate.js';
import { prepareTenantRole } from '../../lib/database/tenant-role.js';
import { migrateQueues } from '../../lib/queue/backend.js';
import { recordingLogger } from './events.js';
import { run, sharedPostgres, type Teardown, testDatabase } from './services.js';

// From dist/test/helpers, like the entry's from dist.
const migrations = new URL('../../../migrations/', import.meta.url);

/** Brings a test's database to the newest schema, queue and all. */
export async function migrateTestDatabase(url: string): Promise<void> {
  await migrate({ url, folder: migrations, after: migrateQueues, log: recordingLogger().log });
}

const TEMPLATE = 'halftone_template';
let template: Promise<string> | undefined;

/** Makes the database that those of tests are copies of: to copy takes a tenth of the time to migrate. @returns its name */
export async function makeTemplate(server: string): Promise<string> {
  await run(server, `create database ${TEMPLATE}`);
  const url = new URL(server);
  url.pathname = `/${TEMPLATE}`;
  await migrateTestDatabase(url.href);
  // It is the server's: services that start side by side find it there.
  const database = open(url.href);
  await database.transaction('tenants.prepareRole', prepareTenantRole);
  await database.close();
  return TEMPLATE;
}

/** A database of this test alone that has the newest schema. @returns its connection string */
export async function migratedDatabase(t: Teardown): Promise<string> {
  // `npm test` makes one for all files.
  template ??= process.env['TEST_TEMPLATE']
    ? Promise.resolve(process.env['TEST_TEMPLATE'])
    : sharedPostgres().then(makeTemplate);
  return testDatabase(t, await template);
}

/** A pool on a database of this test, migrated; both go with it. */
export async function openTestDatabase(
  t: Test,
  options: Partial<DatabaseOptions> = {},
): Promise<{ url: string; database: Database }> {
  const url = await migratedDatabase(t);
  const database = open(url, options);
  // A query that nobody waits for may be under way: cut off, it would be the next test's error.
  t.teardown(() => database.close(1));
  return { url, database };
}

function open(url: string, options: Partial<DatabaseOptions> = {}): Database {
  return openDatabase({
    url,
    applicationName: 'halftone-test',
    poolSize: 4,
    statementTimeoutMs: 5_000,
    slowQueryMs: 5_000,
    rowSecurity: true,
    log: recordingLogger().log,
    ...options,
  });
}
