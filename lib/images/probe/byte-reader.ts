import { setImmediate } from 'node:timers/promises';

/** Bytes of one read where a file is read from front to back, and where it is jumped about in. */
const sequentialReadBytes = 64 * 1024;
const jumpReadBytes = 4 * 1024;

/**
 * How much work a file may cause: a fixed part, and one that grows with its size. A byte asked for or
 * read costs one, a call {@link callCost}. Real files stay far below; it ends chains made to be endless.
 */
const workAllowance = 64 * 1024 * 1024;
const workPerByte = 4;
const callCost = 256;

/** Work, about a millisecond of it, after which others get their turn on the event loop. */
const workPerTurn = 256 * 1024;

/** The header of a file makes no sense; the message completes "not a readable JPEG: …". */
export class UnreadableHeader extends Error {
  override readonly name = 'UnreadableHeader';
}

/** What is needed of a file: to read a piece of it into a buffer. A FileHandle does that. */
export interface FileSource {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
}

/** Reads short pieces anywhere in a file through one small window, and does only so much of it. */
export class ByteReader {
  /** Bytes in the file. */
  readonly size: number;
  readonly #source: FileSource;
  #window: Buffer;
  #windowStart = 0;
  #workLeft: number;
  #workThisTurn = 0;

  /** @param head the file's first bytes, where they are at hand: what lies within needs no read */
  constructor(source: FileSource, size: number, head: Buffer = Buffer.alloc(0)) {
    this.#window = head;
    this.#source = source;
    this.size = size;
    this.#workLeft = workAllowance + workPerByte * size;
  }

  /**
   * The bytes from `start` on: `length` of them, or fewer (even none) where the file ends.
   *
   * @throws UnreadableHeader when the file has caused more work than its size explains
   */
  async upTo(start: number, length: number): Promise<Buffer> {
    this.#spend(callCost + length);
    // Calls within the window wait for nothing, and so would never let go.
    if (this.#workThisTurn > workPerTurn) {
      this.#workThisTurn = 0;
      await setImmediate();
    }
    if (start >= this.size) return Buffer.alloc(0);
    const wanted = Math.min(length, this.size - start);
    const windowEnd = this.#windowStart + this.#window.length;
    if (start < this.#windowStart || start + wanted > windowEnd) {
      const isSequential = start >= this.#windowStart && start <= windowEnd;
      await this.#read(start, Math.max(wanted, isSequential ? sequentialReadBytes : jumpReadBytes));
    }
    return this.#window.subarray(start - this.#windowStart, start - this.#windowStart + wanted);
  }

  /**
   * Exactly `length` bytes from `start` on.
   *
   * @throws UnreadableHeader when the file ends before
   */
  async exactly(start: number, length: number): Promise<Buffer> {
    const bytes = await this.upTo(start, length);
    if (bytes.length < length) throw new UnreadableHeader('it ends within its header');
    return bytes;
  }

  /** A fresh buffer each time: what was handed out before still points into the old one. */
  async #read(start: number, length: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(length, this.size - start));
    this.#spend(buffer.length);
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.#source.read(buffer, filled, buffer.length - filled, start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#window = buffer.subarray(0, filled);
    this.#windowStart = start;
  }

  #spend(work: number): void {
    this.#workThisTurn += work;
    this.#workLeft -= work;
    if (this.#workLeft < 0) throw new UnreadableHeader('its structure is endless');
  }
}
