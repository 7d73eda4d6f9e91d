import { EventEmitter } from 'node:events';
import type { PgPoolClient, PgQueryResult } from 'bullmq';
import type pg from 'pg';

/** The statement by which a part of BullMQ names a connection that it is going to listen by. */
const NAMES_LISTENER = /set_config\('application_name'/;
/** And the one by which it begins to; comments may stand before it. */
const LISTEN = /^LISTEN (\w+);?\s*$/m;

/** What a part of BullMQ has connected by: a connection of its own until it listens, then the one of all. */
export class BorrowedClient extends EventEmitter implements PgPoolClient {
  /** Resolves when it has a connection of its own no more. */
  readonly givenBack: Promise<void>;
  #own: pg.PoolClient | undefined;
  readonly #listener: SharedListener;
  #isGivenBack: () => void = () => {};

  constructor(own: pg.PoolClient, listener: SharedListener) {
    super();
    this.#own = own;
    this.#listener = listener;
    this.givenBack = new Promise((resolve) => {
      this.#isGivenBack = resolve;
    });
  }

  async query(text: string, params?: readonly unknown[]): Promise<PgQueryResult> {
    const channel = LISTEN.exec(text)?.[1];
    // A name would be that of all who listen.
    const isListener = channel !== undefined || NAMES_LISTENER.test(text);
    if (!isListener && this.#own) return this.#own.query(text, params && [...params]);
    if (!isListener) throw new Error('a part of the queue asks by the connection that all listen by');
    // At once: as many as there are parts could wait for one another's.
    this.#giveBack();
    if (channel !== undefined) await this.#listener.listen(this, channel);
    return { rows: [] };
  }

  release(destroy?: boolean): void {
    this.#giveBack(destroy);
    this.#listener.leave(this);
  }

  #giveBack(destroy?: boolean): void {
    this.#own?.release(destroy);
    this.#own = undefined;
    this.#isGivenBack();
  }
}

/**
 * The connection by which all parts of BullMQ listen; there while one does.
 *
 * Left to themselves, each consumer and each reader of events listens by a connection of its own, and PostgreSQL
 * wakes every one of them for whatever happens in any queue: half a dozen backends, and as many packets to read,
 * where one of each does.
 */
export class SharedListener {
  readonly #pool: pg.Pool;
  readonly #parts = new Set<BorrowedClient>();
  #connection: Promise<pg.PoolClient> | undefined;
  #listening: Promise<unknown> = Promise.resolve();

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** Has the part told of what is notified from now on, as events of the same names that a client has. */
  async listen(part: BorrowedClient, channel: string): Promise<void> {
    this.#parts.add(part);
    this.#connection ??= this.#open();
    const connection = await this.#connection;
    // A connection takes one statement after the other.
    const listening = this.#listening.then(() => connection.query(`listen ${channel}`));
    this.#listening = listening.catch(() => undefined);
    await listening;
  }

  leave(part: BorrowedClient): void {
    if (!this.#parts.delete(part) || this.#parts.size > 0) return;
    // It listens: nobody else has a use for it.
    this.#connection?.then(
      (connection) => connection.release(true),
      () => undefined,
    );
    this.#connection = undefined;
  }

  async #open(): Promise<pg.PoolClient> {
    try {
      const connection = await this.#pool.connect();
      connection.on('notification', (message) => this.#tell('notification', message));
      connection.once('error', (error) => {
        connection.on('error', () => undefined);
        // Each part gives back what it borrowed, with the last one the connection goes, and then they come anew.
        this.#tell('error', error);
      });
      return connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  #tell(event: 'notification' | 'error', argument: unknown): void {
    for (const part of [...this.#parts]) part.emit(event, argument);
  }
}
