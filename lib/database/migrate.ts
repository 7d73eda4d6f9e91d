import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Logger } from '../logger.js';

// "half" in ASCII: the same number in every process, so that only one migrates at a time.
const ADVISORY_LOCK = 0x68616c66;
const MIGRATION_FILE = /^(\d{4})-[a-z\d-]+\.sql$/;

/**
 * Brings the database to the newest schema: our own numbered files, then what `after` adds
 * (the queue's own tables). Safe to run from many processes at once: an advisory lock lets one
 * through, and the others find the work done.
 *
 * @param folder the migrations, named `0001-what-it-does.sql`; append-only
 * @throws Error when a file fails; then nothing of it is kept
 */
export async function migrate(options: {
  url: string;
  folder: URL;
  after: (client: pg.Client) => Promise<unknown>;
  log: Logger;
}): Promise<void> {
  // node-postgres and not the pool: BullMQ's migrations need its client, and a migration has no time-out.
  const client = new pg.Client({ connectionString: options.url, application_name: 'halftone-migrate' });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
    await applyFiles(client, options.folder, options.log);
    await options.after(client);
  } finally {
    await client.end();
  }
}

async function applyFiles(client: pg.Client, folder: URL, log: Logger): Promise<void> {
  await client.query(
    'create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())',
  );
  const { rows } = await client.query<{ name: string }>('select name from migrations');
  const applied = new Set(rows.map(({ name }) => name));
  const files = (await readdir(folder)).filter((name) => MIGRATION_FILE.test(name)).sort();
  for (const name of files.filter((file) => !applied.has(file))) {
    const text = await readFile(new URL(name, folder), 'utf8');
    try {
      await client.query('begin');
      await client.query(text);
      await client.query('insert into migrations (name) values ($1)', [name]);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw new Error(`migration ${name} failed`, { cause: error });
    }
    log.info({ migration: name }, 'migrated');
  }
}
