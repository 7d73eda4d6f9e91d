import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** A connection whose bytes go to one receiver as they are read. */
export interface ByteSource {
  /** Hands every piece that comes from now on to `onData`, to whom it belongs until that returns. */
  start(onData: (piece: Buffer) => void): void;
  /** Holds the other side back. What was read already still comes. */
  pause(): void;
  /** Lets it go on. */
  resume(): void;
}

/** The most that is read at once, into memory that is used again and again. */
const READ_BYTES = 256 * 1024;
/** How long bytes gather after a read that took all there were, in ms. */
const GATHER_MS = 2;

/**
 * A socket that is read in large pieces, with time for others between them.
 *
 * PostgreSQL sends 8 KiB at a time. Who waits for each of them wakes up 130 times a megabyte, at two
 * thirds of what reading a copy costs, and PostgreSQL pays for the waking. So a reader that has all
 * there is looks again only when more has gathered, in the system's buffers; and one that finds its
 * memory full gives the event loop a turn first.
 */
export class PacedSource implements ByteSource {
  /** To be connected by its owner. Until the source is started it is read as any other. */
  readonly socket: Socket;
  #onData: ((piece: Buffer) => void) | undefined;
  #wanted = true;
  #gathering = false;

  constructor() {
    const memory = Buffer.allocUnsafeSlow(READ_BYTES);
    const onread = { buffer: memory, callback: (bytes: number) => this.#take(memory.subarray(0, bytes)) };
    // Node's types have it at `connect`, where it does nothing: https://github.com/nodejs/node/pull/54194
    const options = { allowHalfOpen: false, onread };
    this.socket = new Socket(options);
  }

  start(onData: (piece: Buffer) => void): void {
    this.#onData = onData;
  }

  pause(): void {
    this.#wanted = false;
    this.socket.pause();
  }

  resume(): void {
    this.#wanted = true;
    if (!this.#gathering) this.socket.resume();
  }

  /** @returns whether the socket is to be read on at once */
  #take(piece: Buffer): boolean {
    if (!this.#onData) {
      // Its listeners may keep a part of it.
      this.socket.emit('data', Buffer.from(piece));
      return true;
    }
    this.#gathering = true;
    if (piece.length === READ_BYTES) setImmediate(() => this.#goOn());
    else setTimeout(() => this.#goOn(), GATHER_MS);
    this.#onData(piece);
    return false;
  }

  #goOn(): void {
    this.#gathering = false;
    if (this.#wanted) this.socket.resume();
  }
}

/** A stream that is read as its pieces come: a TLS connection, which has no memory of ours to read into. */
export class StreamSource implements ByteSource {
  readonly #stream: Duplex;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  start(onData: (piece: Buffer) => void): void {
    this.#stream.removeAllListeners('data');
    this.#stream.on('data', onData);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}
