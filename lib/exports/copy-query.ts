import type pg from 'pg';
import type { ByteSource } from './byte-source.js';

/** What a copy tells of itself. */
export interface CopyEvents {
  /**
   * Some bytes of the output, wherever they begin and end: those of `chunk` from `start` to before `end`.
   * They belong to the receiver until it returns.
   */
  onData(chunk: Buffer, start: number, end: number): void;
  /** The output of a statement is whole. */
  onCopied(): void;
  /** PostgreSQL has sent everything, and is ready for the next statement. */
  onEnd(): void;
  /** It failed, or the connection did. */
  onError(error: Error): void;
}

// https://www.postgresql.org/docs/current/protocol-message-formats.html
const HEADER_BYTES = 5;
const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const ERROR_RESPONSE = 0x45;
const READY_FOR_QUERY = 0x5a;

/**
 * `COPY … TO STDOUT`, once or several times, as one query of `pg`. It reads the socket itself: a row is then
 * five bytes to step over and not a message with its objects, which is most of what an export would cost the
 * event loop.
 */
export class CopyQuery implements pg.Submittable {
  readonly #messages: readonly string[];
  readonly #events: CopyEvents;
  readonly #source: ByteSource;
  /** The head of a message, of which a chunk may hold only a part. */
  readonly #head = Buffer.alloc(HEADER_BYTES);
  #headBytes = 0;
  #type = 0;
  /** How much of the current message is still to come. */
  #left = 0;
  /** The body of a message that is no row. */
  #body: Buffer[] = [];
  #connection: pg.Connection | undefined;
  /** How many of the messages were sent. */
  #sent = 0;
  #over = false;
  /** How many rows came so far; the header of a CSV is one. */
  rows = 0;

  /**
   * @param messages a statement each, or several with semicolons between: sent one after the other, each
   *   when PostgreSQL has done with the one before it
   * @param source reads the connection that the query will be run on
   */
  constructor(messages: readonly string[], source: ByteSource, events: CopyEvents) {
    this.#messages = messages;
    this.#source = source;
    this.#events = events;
  }

  /** For `pg`, whose turn to send the first message it is. */
  submit(connection: pg.Connection): void {
    this.#source.start((chunk) => this.read(chunk));
    this.#connection = connection;
    this.#sendNext();
  }

  /** For `pg`, which tells a query when its connection is lost. */
  handleError(error: Error): void {
    this.#fail(error);
  }

  /** Holds PostgreSQL back. What was read already still comes. */
  pause(): void {
    this.#source.pause();
  }

  /** Lets it go on. */
  resume(): void {
    this.#source.resume();
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
      if (this.#type === COPY_DATA) this.#events.onData(chunk, at, end);
      else this.#readBody(chunk.subarray(at, end));
      at = end;
    }
  }

  #readHead(chunk: Buffer, start: number): number {
    const whole = start + HEADER_BYTES;
    if (this.#headBytes === 0 && whole <= chunk.length) {
      this.#begin(chunk, start);
      return whole;
    }
    const copied = chunk.copy(this.#head, this.#headBytes, start);
    this.#headBytes += copied;
    if (this.#headBytes === HEADER_BYTES) {
      this.#headBytes = 0;
      this.#begin(this.#head, 0);
    }
    return start + copied;
  }

  #begin(head: Buffer, at: number): void {
    this.#type = head.readUInt8(at);
    // The length counts itself.
    this.#left = head.readUInt32BE(at + 1) - 4;
    if (this.#type === COPY_DATA) this.rows++;
    else if (this.#left === 0) this.#readBody(Buffer.alloc(0));
  }

  #readBody(part: Buffer): void {
    this.#body.push(Buffer.from(part));
    if (this.#left > 0) return;
    const body = Buffer.concat(this.#body);
    this.#body = [];
    if (this.#over) return;
    if (this.#type === ERROR_RESPONSE) this.#fail(serverError(body));
    else if (this.#type === COPY_DONE) this.#events.onCopied();
    else if (this.#type === READY_FOR_QUERY) this.#sendNext();
  }

  #sendNext(): void {
    const message = this.#messages[this.#sent++];
    if (message !== undefined) {
      this.#connection?.query(message);
      return;
    }
    this.#over = true;
    this.#events.onEnd();
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
