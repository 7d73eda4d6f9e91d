import type { Duplex } from 'node:stream';
import type pg from 'pg';

/** What a copy tells of itself. */
export interface CopyEvents {
  /** Some bytes of the output, wherever they begin and end. They belong to the receiver until it returns. */
  onData(bytes: Buffer): void;
  /** PostgreSQL has sent everything, and is ready for the next statement. */
  onEnd(): void;
  /** It failed, or the connection did. */
  onError(error: Error): void;
}

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const HEADER_BYTES = 5;
const COPY_DATA = 0x64;
const ERROR_RESPONSE = 0x45;
const READY_FOR_QUERY = 0x5a;

/**
 * One `COPY … TO STDOUT` as a query of `pg`. It reads the socket itself: a row is then five bytes to
 * step over and not a message with its objects, which is most of what an export would cost the event loop.
 */
export class CopyQuery implements pg.Submittable {
  readonly #statement: string;
  readonly #events: CopyEvents;
  #stream: Duplex | undefined;
  /** The head of a message, of which a chunk may hold only a part. */
  readonly #head = Buffer.alloc(HEADER_BYTES);
  #headBytes = 0;
  /** How much of the current message is still to come. */
  #left = 0;
  /** The body of a message that is no row. */
  #body: Buffer[] = [];
  #over = false;
  /** How many rows came so far; the header of a CSV is one. */
  rows = 0;

  constructor(statement: string, events: CopyEvents) {
    this.#statement = statement;
    this.#events = events;
  }

  /** For `pg`, whose turn to send the statement it is. */
  submit(connection: pg.Connection): void {
    this.#stream = connection.stream;
    connection.stream.removeAllListeners('data');
    connection.stream.on('data', (chunk: Buffer) => this.read(chunk));
    connection.query(this.#statement);
  }

  /** For `pg`, which tells a query when its connection is lost. */
  handleError(error: Error): void {
    this.#fail(error);
  }

  /** Holds PostgreSQL back. What was read already still comes. */
  pause(): void {
    this.#stream?.pause();
  }

  /** Lets it go on. */
  resume(): void {
    this.#stream?.resume();
  }

  /** Takes what the socket read: the protocol's messages, cut anywhere. */
  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        at = this.#readHead(chunk, at);
        continue;
      }
      const end = Math.min(chunk.length, at + this.#left);
      this.#left -= end - at;
      const part = chunk.subarray(at, end);
      at = end;
      if (this.#head[0] === COPY_DATA) this.#events.onData(part);
      else this.#readBody(part);
    }
  }

  #readHead(chunk: Buffer, start: number): number {
    let at = start;
    while (this.#headBytes < HEADER_BYTES && at < chunk.length) {
      this.#head[this.#headBytes++] = chunk[at++] ?? 0;
    }
    if (this.#headBytes < HEADER_BYTES) return at;
    this.#headBytes = 0;
    // The length counts itself.
    this.#left = this.#head.readUInt32BE(1) - 4;
    if (this.#head[0] === COPY_DATA) this.rows++;
    else if (this.#left === 0) this.#readBody(Buffer.alloc(0));
    return at;
  }

  #readBody(part: Buffer): void {
    this.#body.push(Buffer.from(part));
    if (this.#left > 0) return;
    const body = Buffer.concat(this.#body);
    this.#body = [];
    if (this.#head[0] === ERROR_RESPONSE) this.#fail(serverError(body));
    else if (this.#head[0] === READY_FOR_QUERY && !this.#over) {
      this.#over = true;
      this.#events.onEnd();
    }
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onError(error);
  }
}

/** An ErrorResponse: fields of a letter and a text each. `C` is the SQLSTATE, `M` the message. */
function serverError(body: Buffer): Error {
  const fields = new Map(
    body
      .toString('utf8')
      .split('\0')
      .filter((field) => field !== '')
      .map((field) => [field.charAt(0), field.slice(1)]),
  );
  return Object.assign(new Error(fields.get('M') ?? 'PostgreSQL reported an error'), {
    code: fields.get('C') ?? '',
  });
}
