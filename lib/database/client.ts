import type postgres from 'postgres';
import { within } from '../deadline.js';
import { Problem, storageProblem, systemErrorCode } from '../errors.js';
import { inSpan, type SpanFacts, SpanKind } from '../telemetry/tracing.js';
import { quotaProblem } from '../tenants/quota-problem.js';
import { Pool, type PoolOptions } from './pool.js';
import { beginAsTenant } from './tenancy.js';
import { inTransaction } from './transaction.js';

/** Runs SQL: the pool, or one transaction of it. Repositories take it and never ask which. */
export type Executor = postgres.ISql<{ bigint: number }>;
/** What `sql.json` takes. */
type Json = Parameters<Executor['json']>[0];

/** A plain object as a jsonb parameter. Interfaces have no index signature, so the driver's type refuses them. */
export function jsonb(sql: Executor, value: object): postgres.Parameter {
  return sql.json(value as Json);
}

/** Ids as one parameter: ten thousand parameters are more work for both sides than the query. */
export function uuids(ids: readonly string[]): string {
  return `{${ids.join(',')}}`;
}

/** A part of a query: a condition, a list of columns. */
export type Fragment = postgres.Fragment;

/** What a database is opened with. */
export interface DatabaseOptions extends PoolOptions {
  /** Queries slower than this, in ms, are logged by name. */
  readonly slowQueryMs: number;
  /** Whether PostgreSQL itself keeps tenants apart; see {@link Database.of}. */
  readonly rowSecurity?: boolean;
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
  /**
   * The same database as one tenant sees it: whatever the conditions of a query are, PostgreSQL lets it read and
   * change that tenant's rows only. Each query is a transaction there. Where row security is off, the database itself.
   */
  of(tenantId: string): Database;
  /** Queries and transactions that have a connection or wait for one, and how many connections there may be. */
  readonly load: { readonly operations: number; readonly connections: number };
  /** Ends the pool, waiting at most `seconds` for what still runs. */
  close(seconds?: number): Promise<void>;
}

// A server that does not answer at all (stopped, unplugged) never times out by itself.
const DEADLINE_MARGIN_MS = 300;

/** Opens a pool. Connections are made when the first queries need them. */
export function openDatabase(options: DatabaseOptions): Database {
  const { log, onQuery } = options;
  const pool = new Pool(options);
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

  const all: Database = {
    query: (name, run) => timed(name, () => pool.use(run)),
    transaction: (name, run) => timed(name, () => pool.use((sql) => inTransaction(sql, run))),
    of: (tenantId) => (options.rowSecurity ? asTenant(beginAsTenant(tenantId)) : all),
    load: {
      get operations() {
        return operations;
      },
      connections: options.poolSize,
    },
    close: (seconds = 5) => pool.end(seconds),
  };
  return all;

  function asTenant(begin: string): Database {
    const transaction: Database['transaction'] = (name, run) =>
      timed(name, () => pool.use((sql) => inTransaction(sql, run, begin)));
    return { ...all, query: transaction, transaction };
  }
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
  /^(CONNECT_TIMEOUT|CONNECTION_(CLOSED|ENDED|DESTROYED)|E(CONNREFUSED|CONNRESET|CONNABORTED|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH|NOTFOUND|NOENT|AGAIN|AI_AGAIN))$/;

/**
 * Turns what the driver throws into a problem where it is about reaching the server, or a tenant's quota; else
 * returns it as it is.
 */
export function databaseProblem(error: unknown): unknown {
  const code = systemErrorCode(error);
  if (code === undefined || error instanceof Problem) return error;
  const overQuota = quotaProblem(error);
  if (overQuota) return overQuota;
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
