import { setTimeout as delay } from 'node:timers/promises';
import type { PgPool } from 'bullmq';
import pg from 'pg';
import type { Logger } from '../logger.js';
import { BullmqPool } from './bullmq-pool.js';

const RETRY_MS = 250;

/**
 * A pool whose `connect()` waits for a server that is away instead of failing. BullMQ remembers a
 * first connection that failed for as long as the process lives: a queue that was opened in the wrong
 * second would be dead for good. Its queries go another way and fail as they should.
 */
class PatientPool extends pg.Pool {
  readonly #log: Logger;

  constructor(options: pg.PoolConfig, log: Logger) {
    super(options);
    this.#log = log;
    this.on('error', (error) => log.debug({ err: error }, 'queue connection'));
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Parameters<pg.Pool['connect']>[0]): void;
  override connect(callback?: Parameters<pg.Pool['connect']>[0]): Promise<pg.PoolClient> | undefined {
    if (!callback) return this.#connectAtLast();
    super.connect(callback);
    return undefined;
  }

  async #connectAtLast(): Promise<pg.PoolClient> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await super.connect();
      } catch (error) {
        if (this.ending) throw error;
        // A process that starts on a busy machine is late for its own first connections.
        this.#log[attempt === 1 ? 'debug' : 'warn']({ err: error }, 'the queue cannot connect yet');
        await delay(RETRY_MS);
      }
    }
  }
}

/** A pool for parts of BullMQ. */
export interface OpenedPool {
  readonly pool: PgPool;
  /** Lets it have so many connections more. */
  makeRoom(connections: number): void;
  end(): Promise<void>;
}

/** Opens a pool, with as many connections as it is to have at least; the caller ends it. */
export function openPatientPool(options: pg.PoolConfig, log: Logger): OpenedPool {
  const pool = new PatientPool(options, log);
  // None is to be had yet: each of them opens one. Only where the pool is ended before does that fail.
  for (let count = 0; count < (options.min ?? 0); count++)
    pool.connect().then(
      (client) => client.release(),
      () => undefined,
    );
  return {
    pool: new BullmqPool(pool),
    makeRoom: (connections) => {
      pool.options.max += connections;
    },
    end: () => pool.end(),
  };
}
