import type { Test } from 'tap';
import { type Database, type DatabaseOptions, openDatabase } from '../../lib/database/client.js';
import { recordingLogger } from './events.js';
import { sharedPostgres, type Teardown, testDatabase } from './services.js';

let template: Promise<string> | undefined;

/** A database of this test alone that has the newest schema. @returns its connection string */
export async function migratedDatabase(t: Teardown): Promise<string> {
  template ??= sharedTemplate();
  return testDatabase(t, await template);
}

/** `npm test` makes one for all files. */
async function sharedTemplate(): Promise<string> {
  const made = process.env['TEST_TEMPLATE'];
  if (made !== undefined) return made;
  // Half of all that a test would load, and seldom needed.
  const { makeTemplate } = await import('./migrate.js');
  return makeTemplate(await sharedPostgres());
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
