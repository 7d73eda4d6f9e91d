import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectPostgres } from '../../lib/database/connect.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../lib/database/embedded-postgres.js';
import { type RedisServer, startRedisServer } from './redis-server.js';

/** A test that things can be tied to: they go when it ends. */
export interface Teardown {
  teardown(callback: () => unknown): void;
}

/** A name that no other test uses, made of letters, digits and `_`. */
export function uniqueName(prefix = 'test'): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`;
}

/** Makes an empty folder and removes it after the test. @returns its path, links resolved */
export async function temporaryFolder(t: Teardown): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'halftone-test-')));
  // Again and again: a process that was killed may leave children who write for a moment more.
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/**
 * Creates a database for this test and drops it afterwards, open connections or not.
 *
 * @param template what it is a copy of; default: empty
 * @returns its connection string, for postgres.js and pg
 */
export async function testDatabase(t: Teardown, template = 'template1'): Promise<string> {
  const server = await sharedPostgres();
  const name = uniqueName();
  await run(server, `create database ${name} template ${template}`);
  t.teardown(() => dropDatabase(server, name));
  return onDatabase(server, name);
}

/** Another database of the same server. @returns its connection string */
export function onDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * The Redis that all tests share. Keep apart by names: a {@link uniqueName} for each queue or key
 * prefix. A test that stops, flushes or freezes its Redis takes {@link startRedis}.
 */
export function testRedisUrl(): Promise<string> {
  return sharedRedis();
}

/** Starts a Redis for this test alone. `persistent` keeps its data over a restart. */
export async function startRedis(t: Teardown, { persistent = false } = {}): Promise<RedisServer> {
  const folder = await temporaryFolder(t);
  const server = await startRedisServer(folder, persistent);
  t.teardown(() => server.kill());
  return server;
}

/** A PostgreSQL for one test. */
export interface TestPostgres {
  /** A database of it; the same after a restart. */
  readonly url: string;
  stop(): Promise<void>;
  /** Ends it as `pg_ctl stop -m immediate` does: without a checkpoint, and every connection cut. */
  crash(): Promise<void>;
  /** Starts it again after a stop, with its data. */
  restart(): Promise<void>;
}

/**
 * A folder for {@link startEmbeddedPostgres} whose cluster is there already: under `npm test` it is a copy, with the
 * newest schema, which takes a tenth of the time to make one. A file that is run by hand gets an empty folder.
 */
export async function clusterFolder(t: Teardown): Promise<string> {
  const folder = await temporaryFolder(t);
  const made = process.env['TEST_CLUSTER'];
  if (made !== undefined) await cp(made, folder, { recursive: true });
  return folder;
}

/**
 * Starts a PostgreSQL for this test alone, on a {@link clusterFolder}, which the test may stop. One that is crashed
 * wants to be `durable`, or it loses what it had acknowledged.
 */
export async function startPostgres(t: Teardown, { durable = false } = {}): Promise<TestPostgres> {
  const dataDir = await clusterFolder(t);
  const start = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ dataDir, log: () => {}, durable });
  let server = await start();
  t.teardown(() => server.stop());
  return {
    url: server.url,
    stop: () => server.stop(),
    crash: () => {
      process.kill(server.pid, 'SIGQUIT');
      return server.stop();
    },
    restart: async () => {
      await server.stop();
      const { url } = server;
      server = await start();
      if (server.url !== url) throw new Error('Another process took the port of the PostgreSQL under test');
    },
  };
}

// `npm test` starts one server of each kind for all files. A file that is run by hand starts its own.
/** Connection string of the PostgreSQL that all tests share. */
export const sharedPostgres = once(
  process.env['TEST_DATABASE_URL'],
  async () => (await startPostgres(await wholeFile())).url,
);
const sharedRedis = once(
  process.env['TEST_REDIS_URL'],
  async () => (await startRedis(await wholeFile())).url,
);

/** Ends with the test file. Loaded late: the fault suite is no test, and has its own servers. */
async function wholeFile(): Promise<Teardown> {
  return (await import('tap')).default;
}

function once(given: string | undefined, start: () => Promise<string>): () => Promise<string> {
  let url = given === undefined ? undefined : Promise.resolve(given);
  return () => {
    url ??= start();
    return url;
  };
}

/**
 * Drops a database that may still be in use. Not `with (force)`: that may not end an autovacuum that is
 * at work there, which is a superuser's, and fails; a plain drop asks it to leave and waits.
 */
function dropDatabase(server: string, name: string): Promise<void> {
  return run(
    server,
    `alter database ${name} with allow_connections false`,
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = '${name}' and usename = current_user`,
    `drop database ${name}`,
  );
}

/** Runs statements on a server one after the other, each in a transaction of its own. */
export async function run(server: string, ...statements: string[]): Promise<void> {
  const sql = connectPostgres(server, { max: 1, onnotice: () => {} });
  try {
    for (const statement of statements) await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}
