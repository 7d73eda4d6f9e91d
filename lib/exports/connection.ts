import pg from 'pg';
import { TENANT_ROLE } from '../database/tenancy.js';
import { type ByteSource, PacedSource, StreamSource } from './byte-source.js';
import { textLiteral } from './literal.js';

/** What an export's connection is called in `pg_stat_activity`. */
export const EXPORT_APPLICATION = 'halftone-export';

const CONNECT_MS = 2_000;

/**
 * What an export's session is like. Nothing limits how long its statement runs; times come as UTC;
 * compiling a statement (JIT) takes longer than its first rows may; and the planner is told that rows
 * by an index are cheap: they lie about in the order of their time, and come at once, whereas a sort
 * has its first row at its end.
 */
const SESSION = '-c statement_timeout=0 -c TimeZone=UTC -c jit=off -c random_page_cost=1.1';

/** How often PostgreSQL looks whether its client is still there while it has nothing to send. */
const CLIENT_CHECK = "select set_config('client_connection_check_interval', '1s', false)";

/** A connection of one export: nobody else uses it, and it goes when the export does. */
export interface ExportConnection {
  readonly client: pg.Client;
  /** How its bytes are read once a copy runs. */
  readonly source: ByteSource;
  /** The process id of its backend. */
  readonly pid: number;
}

/**
 * Connects for one copy, which sees one snapshot on however many connections it runs.
 *
 * @throws what `pg` throws; the signal's reason
 */
export async function connectExport(
  deps: ConnectDeps,
  count: number,
  signal: AbortSignal,
): Promise<readonly ExportConnection[]> {
  const connections: ExportConnection[] = [];
  const leave = (): void => {
    for (const { client } of connections) void destroyConnection(client);
  };
  signal.addEventListener('abort', leave, { once: true });
  try {
    const settled = await Promise.allSettled(
      Array.from({ length: count }, async () => connections.push(await connect(deps, signal))),
    );
    const failed = settled.find((each) => each.status === 'rejected');
    if (failed) throw failed.reason;
    signal.throwIfAborted();
    if (connections.length > 1) await shareSnapshot(connections);
    return connections;
  } catch (error) {
    leave();
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

const BEGIN = 'begin isolation level repeatable read read only';

/** @see https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION */
async function shareSnapshot([first, ...others]: readonly ExportConnection[]): Promise<void> {
  if (!first) return;
  await first.client.query(BEGIN);
  const { rows } = await first.client.query<{ id: string }>('select pg_export_snapshot() as id');
  const [snapshot] = rows;
  if (!snapshot) throw new Error('PostgreSQL does not share its snapshot');
  const statement = `${BEGIN}; set transaction snapshot ${textLiteral(snapshot.id)}`;
  await Promise.all(others.map(({ client }) => client.query(statement)));
}

/** What it takes to connect. */
interface ConnectDeps {
  readonly databaseUrl: string;
  /** The tenant whose rows alone PostgreSQL shows; undefined: everybody's. */
  readonly seenBy?: string | undefined;
}

/**
 * Connects once, with the session that an export needs.
 *
 * By `pg`, which hands over its socket, and not by postgres.js: there an error that comes in the same
 * packet as the start of a copy is thrown where nobody can catch it, a row is an event and not a few
 * bytes, and a copy that is left leaves its backend blocked in a write to a socket that nobody reads.
 */
async function connect({ databaseUrl, seenBy }: ConnectDeps, signal: AbortSignal): Promise<ExportConnection> {
  const paced = new PacedSource();
  const client = new pg.Client({
    stream: () => paced.socket,
    connectionString: libpqUrl(databaseUrl),
    application_name: EXPORT_APPLICATION,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    options: SESSION,
  });
  // Whoever waits for an answer is told; a connection that fails between two statements fails the next.
  client.on('error', () => {});
  const leave = (): void => void destroyConnection(client);
  signal.addEventListener('abort', leave, { once: true });
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const [backend] = rows;
    if (!backend) throw new Error('PostgreSQL does not say which backend this is');
    // Where the system cannot tell PostgreSQL that a client has gone, only its next write does.
    await client.query(CLIENT_CHECK).catch(() => undefined);
    if (seenBy !== undefined) {
      const enter = "select set_config('halftone.tenant', $1, false), set_config('role', $2, false)";
      await client.query(enter, [seenBy, TENANT_ROLE]);
    }
    const { stream } = client.connection;
    return { client, pid: backend.pid, source: stream === paced.socket ? paced : new StreamSource(stream) };
  } catch (error) {
    leave();
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Ends a connection now, in the middle of whatever it does: a reset reaches even a backend that writes. */
export async function destroyConnection(client: pg.Client): Promise<void> {
  client.connection.stream.destroy();
  await client.end();
}

/** `sslmode` in a URL means to `pg` what it means to libpq, and to the pool, only when it is told. */
function libpqUrl(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  if (!url.searchParams.has('sslmode')) return databaseUrl;
  url.searchParams.set('uselibpqcompat', 'true');
  return url.href;
}
