import { setPriority } from 'node:os';
import { Readable } from 'node:stream';
import type pg from 'pg';
import { type Database, databaseProblem } from '../database/client.js';
import { within } from '../deadline.js';
import { Problem } from '../errors.js';
import type { Logger } from '../logger.js';
import { BLOCK_BYTES, Blocks } from './blocks.js';
import { connectExport, destroyConnection, EXPORT_APPLICATION, type ExportConnection } from './connection.js';
import { CopyQuery } from './copy-query.js';

/** What a copy needs beside its statement. */
export interface CopyDeps {
  readonly databaseUrl: string;
  /** The pool, by which a copy that is left is cancelled. */
  readonly database: Database;
  /** Whose rows PostgreSQL lets it see, where row security is on; else everybody's. */
  readonly seenBy?: string | undefined;
  readonly log: Logger;
  /** Whether PostgreSQL runs on this machine, as a part of ours: then what an export asks of it stands behind all else. */
  readonly isOurs?: boolean;
}

const START_MS = 5_000;
const END_MS = 2_000;
const EXPORT_NICE = 10;
/** What waits in memory for a slow reader before PostgreSQL has to. */
const BUFFERED_BYTES = 2 * BLOCK_BYTES;
/** How long the first rows of a block wait for others to fill it, in ms. */
const FLUSH_MS = 20;
/** Longest that PostgreSQL may be silent while a reader waits. */
const SILENCE_MS = 120_000;

/**
 * The output of one COPY, in blocks of 256 KiB. One COPY is one statement, and so one consistent snapshot.
 *
 * It fails when the copy does, and never ends in the middle. A reader that is slow holds PostgreSQL back.
 * Whoever leaves it destroys it, and the backend is free at once.
 */
export class Copy extends Readable {
  readonly #deps: CopyDeps;
  readonly #connection: ExportConnection;
  readonly #query: CopyQuery;
  readonly #blocks: Blocks;
  readonly #flusher: NodeJS.Timeout;
  #silence: NodeJS.Timeout | undefined;
  #ended: Promise<void> | undefined;
  #settleStarted: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} };
  #settleReleased: () => void = () => {};

  /** Resolves when the first bytes are there, or the end; rejects when it fails before. */
  readonly started: Promise<void>;
  /** Resolves when the connection has ended, however the copy did. */
  readonly released: Promise<void>;

  /** @see openCopy */
  constructor(deps: CopyDeps, connection: ExportConnection, statement: string) {
    super({ highWaterMark: BUFFERED_BYTES });
    this.#deps = deps;
    this.#connection = connection;
    this.started = new Promise((resolve, reject) => {
      this.#settleStarted = { resolve, reject };
    });
    // Only who opens it awaits it.
    this.started.catch(() => {});
    this.released = new Promise((resolve) => {
      this.#settleReleased = resolve;
    });
    this.#blocks = new Blocks((block) => this.#take(block));
    this.#flusher = setInterval(() => this.#blocks.flush(), FLUSH_MS);
    this.#query = connection.client.query(
      new CopyQuery(statement, connection.source, {
        onData: (chunk, start, end) => this.#blocks.add(chunk, start, end),
        onEnd: () => this.#finish(),
        onError: (error) => this.destroy(asError(databaseProblem(error))),
      }),
    );
  }

  /** How many rows came so far; the header of a CSV is one. */
  get rows(): number {
    return this.#query.rows;
  }

  override _read(): void {
    this.#query.resume();
    this.#expectMore();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#flusher);
    clearTimeout(this.#silence);
    this.#settleStarted.reject(error ?? new Error('the export was left'));
    const { client } = this.#connection;
    const freed = this.#ended ?? Promise.all([this.#cancel(), destroyConnection(client)]);
    void freed.finally(this.#settleReleased).catch(() => {});
    callback(error);
  }

  #take(block: Buffer): void {
    this.#settleStarted.resolve();
    clearTimeout(this.#silence);
    if (this.push(block)) this.#expectMore();
    else this.#query.pause();
  }

  #finish(): void {
    clearTimeout(this.#silence);
    this.#ended = endConnection(this.#connection.client);
    // PostgreSQL's goodbye is read even where the rows before it still wait.
    this.#query.resume();
    this.#blocks.flush();
    this.push(null);
    this.#settleStarted.resolve();
  }

  /** A server that is stopped, or unplugged, says nothing at all. */
  #expectMore(): void {
    clearTimeout(this.#silence);
    if (this.#ended) return;
    this.#silence = setTimeout(() => this.destroy(unavailable('fell silent')), SILENCE_MS);
  }

  /** A backend that computes, and has nothing to send, does not notice that its client has gone. */
  async #cancel(): Promise<void> {
    const { database, log } = this.#deps;
    const { pid } = this.#connection;
    await database
      .query(
        'exports.cancel',
        (sql) => sql`
          select pg_cancel_backend(pid) from pg_stat_activity
          where pid = ${pid} and application_name = ${EXPORT_APPLICATION}`,
      )
      .catch((error: unknown) => log.warn({ err: error, pid }, 'an export that was left is not cancelled'));
  }
}

/**
 * Runs `COPY … TO STDOUT` on a connection of its own and resolves when its first bytes are there: a
 * statement that cannot run, or fails at its first row, rejects.
 *
 * @param statement takes no parameters: see `literal.ts`
 * @param signal leaves the copy, whether it has begun or not
 * @throws Problem DATABASE_UNAVAILABLE where PostgreSQL cannot be reached; the signal's reason
 */
export async function openCopy(deps: CopyDeps, statement: string, signal: AbortSignal): Promise<Copy> {
  signal.throwIfAborted();
  const abandoned = new AbortController();
  try {
    const connection = await within(
      connectExport(deps, AbortSignal.any([signal, abandoned.signal])),
      START_MS,
      () => unavailable('did not answer in time'),
    );
    if (deps.isOurs) standBack(connection.pid);
    const copy = new Copy(deps, connection, statement);
    const leave = (): void => void copy.destroy();
    signal.addEventListener('abort', leave, { once: true });
    void copy.released.then(() => signal.removeEventListener('abort', leave));
    // Its error comes to whoever awaits the start, and later to whoever reads.
    copy.on('error', () => {});
    if (signal.aborted) leave();
    await copy.started;
    return copy;
  } catch (error) {
    abandoned.abort();
    signal.throwIfAborted();
    throw databaseProblem(error);
  }
}

/** Has a backend take the CPU after requests and their queries: it only ever waits when there is a choice. */
function standBack(pid: number): void {
  try {
    setPriority(pid, EXPORT_NICE);
  } catch {
    // Where the system does not let us, it is as quick as the others.
  }
}

/** Says goodbye to PostgreSQL, which then closes the connection. */
async function endConnection(client: pg.Client): Promise<void> {
  const end = new Promise<void>((resolve) => client.once('end', () => resolve()));
  client.connection.end();
  await within(end, END_MS).catch(() => destroyConnection(client));
}

function unavailable(what: string): Problem {
  return new Problem('DATABASE_UNAVAILABLE', `The database ${what}; try again.`, { retryAfter: 2 });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
