import { within } from '../deadline.js';
import { type BlockMemory, Blocks } from './blocks.js';
import { destroyConnection, type ExportConnection } from './connection.js';
import { CopyQuery } from './copy-query.js';

/** What a lane tells of itself. */
export interface LaneEvents {
  /** There is something to take, or PostgreSQL has sent everything. */
  onNews(): void;
  /** It failed, or the connection did. */
  onError(error: Error): void;
}

/** What is taken from a lane: a block of the statement whose turn it is, or that it has no more. */
export type Taken = Buffer | 'end of statement';

/** How many statements PostgreSQL is given at once: it has the next at hand, and few to read. */
const STATEMENTS_AT_ONCE = 100;
const END_MS = 2_000;

/**
 * One connection of a copy, with the statements that it runs one after the other, and their output as far
 * as it was read ahead. When that is enough, PostgreSQL waits.
 */
export class CopyLane {
  readonly #connection: ExportConnection;
  readonly #query: CopyQuery;
  readonly #blocks: Blocks;
  readonly #events: LaneEvents;
  readonly #aheadBytes: number;
  readonly #held: Taken[] = [];
  #heldBytes = 0;
  #ended: Promise<void> | undefined;

  /** @param aheadBytes how much is read ahead */
  constructor(
    connection: ExportConnection,
    statements: readonly string[],
    memory: BlockMemory,
    aheadBytes: number,
    events: LaneEvents,
  ) {
    this.#connection = connection;
    this.#events = events;
    this.#aheadBytes = aheadBytes;
    this.#blocks = new Blocks(memory, (block) => this.#hold(block));
    this.#query = connection.client.query(
      new CopyQuery(messagesOf(statements), connection.source, {
        onData: (chunk, start, end) => this.#blocks.add(chunk, start, end),
        onCopied: () => this.#endStatement(),
        onEnd: () => this.#finish(),
        onError: (error) => events.onError(error),
      }),
    );
  }

  /** The process id of its backend. */
  get pid(): number {
    return this.#connection.pid;
  }

  /** How many rows came so far; the header of a CSV is one. */
  get rows(): number {
    return this.#query.rows;
  }

  /** Whether PostgreSQL has sent everything; it may still have to be taken. */
  get isOver(): boolean {
    return this.#ended !== undefined;
  }

  /** The next of what was read; undefined: nothing is there yet. */
  take(): Taken | undefined {
    const taken = this.#held.shift();
    if (taken instanceof Buffer) this.#heldBytes -= taken.length;
    if (this.#heldBytes < this.#aheadBytes) this.#query.resume();
    return taken;
  }

  /** Lets rows be taken that wait for others to fill their block. */
  flush(): void {
    this.#blocks.flush();
  }

  /** Resolves when its connection has ended; one that still runs is cut. */
  async release(): Promise<void> {
    await (this.#ended ?? destroyConnection(this.#connection.client));
  }

  #hold(block: Buffer): void {
    this.#held.push(block);
    this.#heldBytes += block.length;
    this.#events.onNews();
    if (this.#heldBytes >= this.#aheadBytes) this.#query.pause();
  }

  #endStatement(): void {
    this.#blocks.flush();
    this.#held.push('end of statement');
    this.#events.onNews();
  }

  #finish(): void {
    this.#ended = this.#sayGoodbye();
    // PostgreSQL's own goodbye is read even where the rows before it still wait.
    this.#query.resume();
    this.#events.onNews();
  }

  /** PostgreSQL closes the connection then. */
  async #sayGoodbye(): Promise<void> {
    const { client } = this.#connection;
    const end = new Promise<void>((resolve) => client.once('end', () => resolve()));
    client.connection.end();
    await within(end, END_MS).catch(() => destroyConnection(client));
  }
}

function messagesOf(statements: readonly string[]): string[] {
  const messages: string[] = [];
  for (let at = 0; at < statements.length; at += STATEMENTS_AT_ONCE)
    messages.push(statements.slice(at, at + STATEMENTS_AT_ONCE).join(';\n'));
  return messages;
}
