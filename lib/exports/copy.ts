import { Readable } from 'node:stream';
import { type Database, databaseProblem } from '../database/client.js';
import { overTcp } from '../database/connect.js';
import { within } from '../deadline.js';
import { Problem } from '../errors.js';
import type { Logger } from '../logger.js';
import { standBack } from '../priority.js';
import { BLOCK_BYTES, BlockMemory } from './blocks.js';
import { connectExport, EXPORT_APPLICATION, type ExportConnection } from './connection.js';
import { CopyLane } from './copy-lane.js';

/** What a copy needs beside its statement. */
export interface CopyDeps {
  readonly databaseUrl: string;
  /** The pool, by which a copy that is left is cancelled. */
  readonly database: Database;
  /** Whose rows PostgreSQL lets it see, where row security is on; else everybody's. */
  readonly seenBy?: string | undefined;
  readonly log: Logger;
  /** Whether PostgreSQL is here, as a part of ours: then what an export asks of it stands behind all else. */
  readonly isOurs?: boolean;
}

const START_MS = 5_000;
const EXPORT_NICE = 19;
/** How many blocks wait in memory for a slow reader before PostgreSQL has to. */
const BUFFERED_BLOCKS = 2;
/** How many statements run at once: two make a file in little more than half the time, and leave the others theirs. */
const LANES = 2;
/** What a statement may write while one before it is read: more than one writes as a rule (`parts.ts`). */
const AHEAD_BYTES = 4 * 1024 * 1024;
/** How long the first rows of a block wait for others to fill it, in ms. */
const FLUSH_MS = 20;
/** Longest that PostgreSQL may be silent while a reader waits. */
const SILENCE_MS = 120_000;

/**
 * The output of one COPY, or of several that follow each other, in blocks of 256 KiB and from one
 * snapshot. Of several, two run at a time; the one whose turn has not come is read ahead.
 *
 * It fails when one of them does, and never ends in the middle. A reader that is slow holds PostgreSQL
 * back. Whoever leaves it destroys it, and the backends are free at once.
 */
export class Copy extends Readable {
  readonly #deps: CopyDeps;
  readonly #memory = new BlockMemory();
  readonly #lanes: readonly CopyLane[];
  readonly #statements: number;
  readonly #flusher: NodeJS.Timeout;
  /** Whose output is read, by its number. */
  #current = 0;
  #wanted = true;
  #isOver = false;
  #silence: NodeJS.Timeout | undefined;
  #settleStarted: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} };
  #settleReleased: () => void = () => {};

  /** Resolves when the first bytes are there, or the end; rejects when it fails before. */
  readonly started: Promise<void>;
  /** Resolves when the connections have ended, however the copy did. */
  readonly released: Promise<void>;

  /** @see openCopy */
  constructor(deps: CopyDeps, connections: readonly ExportConnection[], statements: readonly string[]) {
    // Of a stream of bytes, a reader that iterates gets all that waits joined to one: a copy, and a collection of
    // garbage every 60 ms.
    super({ objectMode: true, highWaterMark: BUFFERED_BLOCKS });
    this.#deps = deps;
    this.#statements = statements.length;
    this.started = new Promise((resolve, reject) => {
      this.#settleStarted = { resolve, reject };
    });
    // Only who opens it awaits it.
    this.started.catch(() => {});
    this.released = new Promise((resolve) => {
      this.#settleReleased = resolve;
    });
    this.#flusher = setInterval(() => this.#lane?.flush(), FLUSH_MS);
    const count = connections.length;
    const aheadBytes = count > 1 ? AHEAD_BYTES : BLOCK_BYTES;
    const events = {
      onNews: () => this.#pass(),
      onError: (error: Error) => void this.destroy(asError(databaseProblem(error))),
    };
    this.#lanes = connections.map(
      (connection, lane) =>
        new CopyLane(
          connection,
          statements.filter((_, number) => number % count === lane),
          this.#memory,
          aheadBytes,
          events,
        ),
    );
  }

  /** How many rows came so far; the header of a CSV is one. */
  get rows(): number {
    return this.#lanes.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** How many of the statements were read to their end. */
  get statementsRead(): number {
    return this.#current;
  }

  /** Takes a block back whose bytes are not needed any more, so that its memory is used again. */
  recycle(block: Buffer): void {
    this.#memory.give(block);
  }

  override _read(): void {
    this.#wanted = true;
    this.#pass();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearInterval(this.#flusher);
    clearTimeout(this.#silence);
    this.#settleStarted.reject(error ?? new Error('the export was left'));
    const running = this.#lanes.filter(({ isOver }) => !isOver).map(({ pid }) => pid);
    const freed = [...this.#lanes.map((lane) => lane.release()), this.#cancel(running)];
    void Promise.all(freed)
      .finally(this.#settleReleased)
      .catch(() => {});
    callback(error);
  }

  get #lane(): CopyLane | undefined {
    return this.#lanes[this.#current % this.#lanes.length];
  }

  /** Hands on what is there, as far as it is wanted. */
  #pass(): void {
    if (this.#isOver) return;
    clearTimeout(this.#silence);
    while (this.#wanted) {
      const taken = this.#lane?.take();
      if (taken === undefined) break;
      if (taken === 'end of statement') this.#current++;
      else this.#wanted = this.push(taken);
      this.#settleStarted.resolve();
    }
    if (this.#current === this.#statements && this.#lanes.every(({ isOver }) => isOver)) this.#finish();
    // A server that is stopped, or unplugged, says nothing at all.
    else if (this.#wanted)
      this.#silence = setTimeout(() => this.destroy(unavailable('fell silent')), SILENCE_MS);
  }

  #finish(): void {
    this.#isOver = true;
    this.push(null);
  }

  /** A backend that computes, and has nothing to send, does not notice that its client has gone. */
  async #cancel(pids: readonly number[]): Promise<void> {
    if (pids.length === 0) return;
    const { database, log } = this.#deps;
    await database
      .query(
        'exports.cancel',
        (sql) => sql`
          select pg_cancel_backend(pid) from pg_stat_activity
          where pid = any(${[...pids]}) and application_name = ${EXPORT_APPLICATION}`,
      )
      .catch((error: unknown) => log.warn({ err: error, pids }, 'an export that was left is not cancelled'));
  }
}

/**
 * Runs `COPY … TO STDOUT` on connections of its own and resolves when its first bytes are there: a
 * statement that cannot run, or fails at its first row, rejects.
 *
 * @param statements take no parameters: see `literal.ts`; their output comes in their order
 * @param signal leaves the copy, whether it has begun or not
 * @throws Problem DATABASE_UNAVAILABLE where PostgreSQL cannot be reached; the signal's reason
 */
export async function openCopy(
  deps: CopyDeps,
  statements: readonly string[],
  signal: AbortSignal,
): Promise<Copy> {
  signal.throwIfAborted();
  const abandoned = new AbortController();
  const { databaseUrl, isOurs, seenBy } = deps;
  const target = { databaseUrl: isOurs ? overTcp(databaseUrl) : databaseUrl, seenBy };
  try {
    const connections = await within(
      connectExport(target, Math.min(LANES, statements.length), AbortSignal.any([signal, abandoned.signal])),
      START_MS,
      () => unavailable('did not answer in time'),
    );
    if (isOurs) for (const { pid } of connections) void standBack(pid, EXPORT_NICE);
    const copy = new Copy(deps, connections, statements);
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

function unavailable(what: string): Problem {
  return new Problem('DATABASE_UNAVAILABLE', `The database ${what}; try again.`, { retryAfter: 2 });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
