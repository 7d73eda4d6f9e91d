import type { ServerResponse } from 'node:http';
import { Problem } from '../errors.js';

/** How streams of events are kept. */
export interface EventStreamsOptions {
  /** Open at a time. */
  readonly most: number;
  /** How often each says that it lives, in ms: proxies cut what is silent. */
  readonly heartbeatMs: number;
  /** What may wait for a client that does not read, in bytes, before it is cut off. */
  readonly mostWaitingBytes: number;
}

/** Headers of an answer, as the framework keeps them. */
type Headers = Readonly<Record<string, string | number | string[] | undefined>>;

const RETRY_AFTER_SECONDS = 5;
/** How long a client waits before it comes back, in ms. */
const RETRY_MS = 2_000;
/** Heartbeats are spread over so many timers' ticks: thousands at once would hold up everybody else. */
const SLOTS = 15;

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // nginx and others would wait for more before they pass anything on.
  'x-accel-buffering': 'no',
  // Nothing follows on its connection, which would keep a closing server waiting.
  connection: 'close',
};

/**
 * An answer of Server-Sent Events: text that goes on until somebody ends it.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #mostWaitingBytes: number;
  #heartbeat: () => string = () => '';
  #ended = false;

  constructor(response: ServerResponse, mostWaitingBytes: number) {
    this.#response = response;
    this.#mostWaitingBytes = mostWaitingBytes;
  }

  /** Whether nothing more can be written: it was ended, or its client has left. */
  get closed(): boolean {
    return this.#response.writableEnded || this.#response.destroyed;
  }

  /**
   * Sends the head of the answer.
   *
   * @param id what a client comes back with that has not seen an event yet
   */
  begin(headers: Headers, id?: string): void {
    if (this.closed) return;
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) this.#response.setHeader(name, value);
    this.#response.writeHead(200, HEADERS);
    this.write(`retry: ${RETRY_MS}\n${id === undefined ? '' : `id: ${id}\n`}\n`);
    if (this.#ended) this.end();
  }

  /** Calls back when the client has left or the stream has ended; at once when that is so already. */
  onClose(callback: () => void): void {
    if (this.#response.destroyed) callback();
    else this.#response.once('close', callback);
  }

  /** What each heartbeat says beside that it is one: whole lines. */
  onHeartbeat(lines: () => string): void {
    this.#heartbeat = lines;
  }

  /** Says that the stream lives, once it has begun. */
  beat(): void {
    if (this.#response.headersSent) this.write(`: heartbeat\n${this.#heartbeat()}\n`);
  }

  /** Sends text, or cuts off a client that has left too much unread; it comes back where it was. */
  write(text: string | Buffer): void {
    if (this.closed) return;
    if (this.#response.writableLength > this.#mostWaitingBytes) this.#response.destroy();
    else this.#response.write(text);
  }

  /** Resolves when the client has taken what was sent, or has left. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#response.off('drain', done).off('close', done);
        resolve();
      };
      if (this.closed || !this.#response.writableNeedDrain) resolve();
      else this.#response.once('drain', done).once('close', done);
    });
  }

  /** Ends it; one that has yet to begin ends right then. */
  end(): void {
    this.#ended = true;
    if (this.#response.headersSent) this.#response.end();
  }
}

/** All streams of events of a process: how many there are, their heartbeats and their end. */
export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #slots: readonly Set<EventStream>[] = Array.from({ length: SLOTS }, () => new Set());
  readonly #timer: NodeJS.Timeout;
  #count = 0;
  #turn = 0;
  #opened = 0;
  #closed = false;

  constructor(options: EventStreamsOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#beat(), options.heartbeatMs / SLOTS).unref();
  }

  /** How many are open. */
  get count(): number {
    return this.#count;
  }

  /**
   * Makes an answer a stream, which has yet to begin. It counts until the answer is over, whatever it becomes.
   *
   * @throws Problem OVERLOADED, SHUTTING_DOWN (503)
   */
  open(response: ServerResponse): EventStream {
    const { most, mostWaitingBytes } = this.#options;
    const retryAfter = RETRY_AFTER_SECONDS;
    if (this.#closed)
      throw new Problem('SHUTTING_DOWN', 'The server opens no more streams; try another.', { retryAfter });
    if (this.#count >= most)
      throw new Problem('OVERLOADED', `${most} streams of events are open already; try again.`, {
        retryAfter,
      });
    const stream = new EventStream(response, mostWaitingBytes);
    const slot = this.#slots[this.#opened++ % SLOTS];
    slot?.add(stream);
    this.#count += 1;
    stream.onClose(() => {
      slot?.delete(stream);
      this.#count -= 1;
    });
    return stream;
  }

  /** Ends all of them: a server that closes waits for its answers. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const slot of this.#slots) for (const stream of slot) stream.end();
  }

  #beat(): void {
    this.#turn = (this.#turn + 1) % SLOTS;
    for (const stream of this.#slots[this.#turn] ?? []) stream.beat();
  }
}
