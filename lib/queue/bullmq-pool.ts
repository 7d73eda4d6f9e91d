import { EventEmitter } from 'node:events';
import type { PgPool, PgPoolClient, PgQueryResult } from 'bullmq';
import type pg from 'pg';
import { systemErrorCode } from '../errors.js';
import { BorrowedClient, SharedListener } from './shared-listener.js';

/** A statement that was prepared before a migration, and would return other columns now: it did not run. */
const CHANGED_RESULT = '0A000';

/**
 * A pool as BullMQ knows it. All of its parts listen by one connection, and their statements, some dozens of constant
 * texts, are prepared once a connection: to read and plan them each time took PostgreSQL half as long as to run them.
 */
export class BullmqPool extends EventEmitter implements PgPool {
  readonly #pool: pg.Pool;
  readonly #listener: SharedListener;
  /** What each text is prepared as; undefined: it is not. */
  readonly #names = new Map<string, string | undefined>();
  /** When the last part that borrowed a connection has given it back. */
  #givenBack: Promise<unknown> = Promise.resolve();

  constructor(pool: pg.Pool) {
    super();
    this.#pool = pool;
    this.#listener = new SharedListener(pool);
    // Without anybody who listens an error would end the process.
    pool.on('error', (error) => this.listenerCount('error') > 0 && this.emit('error', error));
  }

  async query(text: string, params: readonly unknown[] = []): Promise<PgQueryResult> {
    const values = [...params];
    const name = this.#nameOf(text);
    if (name === undefined) return this.#pool.query(text, values);
    try {
      return await this.#pool.query({ name, text, values });
    } catch (error) {
      if (systemErrorCode(error) !== CHANGED_RESULT) throw error;
      this.#names.set(text, undefined);
      return this.#pool.query(text, values);
    }
  }

  /**
   * Each part borrows a connection when it is opened, for one short question and to listen by. One after the other they
   * find the one that is there: at once, as when a process starts, each would have PostgreSQL start another.
   */
  connect(): Promise<PgPoolClient> {
    const borrowed = this.#givenBack.then(() => this.#borrow());
    this.#givenBack = borrowed.then(({ givenBack }) => givenBack).catch(() => undefined);
    return borrowed;
  }

  async #borrow(): Promise<BorrowedClient> {
    return new BorrowedClient(await this.#pool.connect(), this.#listener);
  }

  end(): Promise<void> {
    return this.#pool.end();
  }

  #nameOf(text: string): string | undefined {
    if (!this.#names.has(text)) this.#names.set(text, `bullmq_${this.#names.size}`);
    return this.#names.get(text);
  }
}
