import { hostname } from 'node:os';
import postgres, { type Sql } from 'postgres';

const namePrefix = 'halftone owner, ';
const heartbeatMs = 2_000;
const connectTimeoutSeconds = 2;

/** Opens one connection as the cluster's superuser, under a name that other processes can read. */
export function connectAsSuperuser(port: number, password: string, name: string): Sql {
  return postgres({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    max: 1,
    max_lifetime: null,
    connect_timeout: connectTimeoutSeconds,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: name },
  });
}

/** The name under which this process owns a server. */
export function ownerName(): string {
  return `${namePrefix}process ${process.pid} on ${hostname()}`;
}

/**
 * Keeps the owner's connection open: PostgreSQL drops it when one of its backends crashes, and
 * postgres.js connects again only for a query.
 *
 * @returns what ends it
 */
export function keepConnected(owner: Sql): () => void {
  const timer = setInterval(() => owner`select 1`.catch(() => {}), heartbeatMs);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Who owns a running server: a name, `none`, or `unknown` while it does not answer or is so young that
 * its owner may still be connecting.
 */
export async function findOwner(
  port: number,
  password: string,
): Promise<{ name: string } | 'none' | 'unknown'> {
  const sql = connectAsSuperuser(port, password, 'halftone visitor');
  try {
    const [row] = await sql<{ name: string | null; settled: boolean }[]>`
      select
        now() - pg_postmaster_start_time() > interval '3 seconds' as settled,
        (select application_name from pg_stat_activity
          where usename = 'postgres' and application_name like ${`${namePrefix}%`} limit 1) as name`;
    if (row?.name) return { name: row.name.slice(namePrefix.length) };
    return row?.settled ? 'none' : 'unknown';
  } catch {
    return 'unknown';
  } finally {
    await sql.end({ timeout: 1 });
  }
}
