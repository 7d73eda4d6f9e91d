import type { Test } from 'tap';
import { type Database, openDatabase } from '../../lib/database/client.js';
import { migrate } from '../../lib/database/migrate.js';
import { migrateQueues } from '../../lib/queue/backend.js';
import { recordingLogger } from './events.js';
import { testDatabase } from './services.js';

// From dist/test/helpers, like the entry's from dist.
const migrations = new URL('../../../migrations/', import.meta.url);

/** Brings a test's database to the newest schema, queue and all. */
export async function migrateTestDatabase(url: string): Promise<void> {
  await migrate({ url, folder: migrations, after: migrateQueues, log: recordingLogger().log });
}

/** A pool on a database of this test, migrated; both go with it. */
export async function openTestDatabase(t: Test): Promise<{ url: string; database: Database }> {
  const url = await testDatabase(t);
  await migrateTestDatabase(url);
  const database = openDatabase({
    url,
    applicationName: 'halftone-test',
    poolSize: 4,
    statementTimeoutMs: 5_000,
    slowQueryMs: 5_000,
    log: recordingLogger().log,
  });
  t.teardown(() => database.close(0));
  return { url, database };
}
