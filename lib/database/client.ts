import postgres from 'postgres';
import { within } from '../deadline.js';
import { Problem, storageProblem, systemErrorCode } from '../errors.js';
import type { Logger } from '../logger.js';
import { inSpan, type SpanFacts, SpanKind } from '../telemetry/tracing.js';

/** Runs SQL: the pool, or one transaction of it. Repositories take it and never ask which. */
export type Executor = postgres.ISql<{ bigint: number }>;
type Pool = postgres.Sql<{ bigint: number }>;
/** What `sql.json` takes. */
type Json = Parameters<Executor['json']>[0];

/** A plain object as a jsonb parameter. Interfaces have no index signature, so the driver's type refuses them. */
export function jsonb(sql: Executor, value: object): postgres.Parameter {
  return sql.json(value as Json);
}

/** A part of a query: a condition, a list of columns. */
export type Fragment = postgres.Fragment;

/** What the pool is made of. */
export interface DatabaseOptions {
  readonly url: string;
  /** Shown by `pg_stat_activity`: which of our processes holds a connection. */
  readonly applicationName: string;
  readonly poolSize: number;
  /** Longest a statement may run on the server, in ms. */
  readonly statementTimeoutMs: number;
  /** Queries slower than this, in ms, are logged by name. */
  readonly slowQueryMs: number;
  readonly log: Logger;
  /** Called after each query with its name (`table.operation`) and its seconds, for the metrics. */
  readonly onQuery?: (name: string, seconds: number) => void;
}

/**
 * PostgreSQL as the service sees it: named queries with a deadline, whose failures to reach the
 * server come out as DATABASE_UNAVAILABLE.
 */
export interface Database {
  /** Runs one or more statements of the pool under a name such as `images.find`. */
  query<T>(name: string, run: (sql: Executor) => PromiseLike<T>): Promise<T>;
  /** Runs statements in one transaction: it commits when `run` resolves and rolls back when it rejects. */
  transaction<T>(name: string, run: (sql: Executor) => PromiseLike<T>): Promise<T>;
  /** Queries and transactions that have a connection or wait for one, and how many connections there may be. */
  readonly load: { readonly operations: number; readonly connections: number };
  /** Ends the pool, waiting at most `seconds` for what still runs. */
  close(seconds?: number): Promise<void>;
}

// A server that does not answer at all (stopped, unplugged) never times out by itself.
const DEADLINE_MARGIN_MS = 300;
const RECONNECT_SECONDS = 0.2;

/** Opens a pool. Connections are made when the first queries need them. */
export function openDatabase(options: DatabaseOptions): Database {
  const { log, onQuery } = options;
  const sql = postgres(options.url, {
    max: options.poolSize,
    connect_timeout: 2,
    idle_timeout: 60,
    // The library's own backoff grows to 20 s; a server that is back should be noticed at once.
    backoff: () => RECONNECT_SECONDS,
    // We read no arrays, and a query for their types would delay every connection.
    fetch_types: false,
    transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } },
    // Our bigints are sizes and counts; none comes near 2^53.
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
    connection: { application_name: options.applicationName, statement_timeout: options.statementTimeoutMs },
    onnotice: (notice) => log.debug({ notice: notice['message'] }, 'postgres notice'),
  });

  let operations = 0;

  async function timed<T>(name: string, run: () => PromiseLike<T>): Promise<T> {
    const started = performance.now();
    operations += 1;
    try {
      return await within(
        inSpan(() => spanOf(name), run),
        options.statementTimeoutMs + DEADLINE_MARGIN_MS,
        () => unavailable('did not answer in time'),
      );
    } catch (error) {
      throw databaseProblem(error);
    } finally {
      operations -= 1;
      const ms = performance.now() - started;
      onQuery?.(name, ms / 1000);
      if (ms > options.slowQueryMs) log.warn({ query: name, ms: Math.round(ms) }, 'slow query');
    }
  }

  return {
    query: (name, run) => timed(name, () => run(sql)),
    transaction: (name, run) => timed(name, () => inTransaction(sql, run)),
    load: {
      get operations() {
        return operations;
      },
      connections: options.poolSize,
    },
    close: (seconds = 5) => sql.end({ timeout: seconds }),
  };
}

/** https://opentelemetry.io/docs/specs/semconv/database/database-spans/ */
function spanOf(name: string): SpanFacts {
  const [table = name, operation = 'query'] = name.split('.', 2);
  return {
    name,
    kind: SpanKind.CLIENT,
    attributes: {
      'db.system.name': 'postgresql',
      'db.collection.name': table,
      'db.operation.name': operation,
    },
  };
}

async function inTransaction<T>(sql: Pool, run: (sql: Executor) => PromiseLike<T>): Promise<T> {
  // begin() types its result as unwrapped arrays of promises; ours is what `run` resolved to.
  let outcome: { value: T } | undefined;
  await sql.begin(async (tx) => {
    outcome = { value: await run(tx) };
  });
  if (outcome === undefined) throw new Error('a transaction committed without its result');
  return outcome.value;
}

function unavailable(what: string, cause?: unknown): Problem {
  return new Problem('DATABASE_UNAVAILABLE', `The database ${what}. Nothing was changed; try again.`, {
    retryAfter: 2,
    cause,
  });
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html: connection exceptions, too many
// connections, shutdowns, and the read-only state of a server that is being failed over.
const UNREACHABLE_STATES = /^(08...|53300|57P0.|25006)$/;
const UNREACHABLE_CODES =
  /^(CONNECT_TIMEOUT|CONNECTION_(CLOSED|ENDED|DESTROYED)|E(CONNREFUSED|CONNRESET|CONNABORTED|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|NOENT|AI_AGAIN))$/;

/** Turns what the driver throws into a problem where it is about reaching the server; else returns it as it is. */
export function databaseProblem(error: unknown): unknown {
  const code = systemErrorCode(error);
  if (code === undefined || error instanceof Problem) return error;
  if (code === '57014') return unavailable('took too long', error);
  // A Unix socket that is missing; any other missing file is not the database's.
  if (code === 'ENOENT' && !isConnecting(error)) return error;
  if (code === '53100')
    return storageProblem(Object.assign(new Error('disk full', { cause: error }), { code: 'ENOSPC' }));
  return UNREACHABLE_STATES.test(code) || UNREACHABLE_CODES.test(code)
    ? unavailable('cannot be reached', error)
    : error;
}

function isConnecting(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'connect';
}
