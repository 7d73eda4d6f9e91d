import postgres from 'postgres';
import { systemErrorCode } from '../errors.js';
import type { Logger } from '../logger.js';
import { connectPostgres } from './connect.js';

/** What the driver gives, with our bigints as numbers: they are sizes and counts, and none comes near 2^53. */
export type Sql = postgres.Sql<{ bigint: number }>;

/** What a pool is made of. */
export interface PoolOptions {
  readonly url: string;
  /** Shown by `pg_stat_activity`: which of our processes holds a connection. */
  readonly applicationName: string;
  readonly poolSize: number;
  /** Longest a statement may run on the server, in ms. */
  readonly statementTimeoutMs: number;
  readonly log: Logger;
}

const CONNECT_TIMEOUT_SECONDS = 2;
const IDLE_SECONDS = 60;
const RECONNECT_SECONDS = 0.2;
const ABANDON_SECONDS = 5;

/**
 * The driver's pool, and another in its place where one of its connections is dead for good: one that ends in
 * the very turn in which something is written to it never connects again, and times out whenever its turn
 * comes (porsager/postgres#1208).
 */
export class Pool {
  readonly #options: PoolOptions;
  #sql: Sql;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#sql = open(options);
  }

  /** Runs statements, or a transaction, on the pool that there is now. */
  async use<T>(run: (sql: Sql) => PromiseLike<T>): Promise<T> {
    const sql = this.#sql;
    try {
      return await run(sql);
    } catch (error) {
      if (systemErrorCode(error) === 'CONNECT_TIMEOUT' && sql === this.#sql) this.#replace();
      throw error;
    }
  }

  /** Ends the pool, waiting at most `seconds` for what still runs. */
  end(seconds: number): Promise<void> {
    return this.#sql.end({ timeout: seconds });
  }

  #replace(): void {
    const { log } = this.#options;
    log.warn('a connection to the database could not be made in time; the pool is replaced');
    const old = this.#sql;
    this.#sql = open(this.#options);
    old.end({ timeout: ABANDON_SECONDS }).catch((error) => log.debug({ err: error }, 'end of an old pool'));
  }
}

function open({ url, applicationName, poolSize, statementTimeoutMs, log }: PoolOptions): Sql {
  return connectPostgres(url, {
    max: poolSize,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    idle_timeout: IDLE_SECONDS,
    // The library's own backoff grows to 20 s; a server that is back should be noticed at once.
    backoff: () => RECONNECT_SECONDS,
    // We read no arrays; but without this first query of a connection, a transaction that waits for it never begins.
    fetch_types: true,
    transform: { column: { from: postgres.toCamel, to: postgres.fromCamel } },
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
    connection: { application_name: applicationName, statement_timeout: statementTimeoutMs },
    onnotice: (notice) => log.debug({ notice: notice['message'] }, 'postgres notice'),
  });
}
