import { type ByteReader, UnreadableHeader } from './byte-reader.js';

/** A box of an ISO base media file (ISO/IEC 14496-12, 4.2): its type and what it holds. */
export interface Box {
  readonly type: string;
  readonly body: Buffer;
}

/** The boxes in `bytes`, in order; they end at the first that does not fit. */
export function* boxesIn(bytes: Buffer): Generator<Box> {
  for (let at = 0; at + 8 <= bytes.length; ) {
    const size = bytes.readUInt32BE(at);
    // Within another box neither "to the end of the file" (0) nor a 64-bit size (1) makes sense.
    if (size < 8 || at + size > bytes.length) return;
    yield { type: bytes.toString('latin1', at + 4, at + 8), body: bytes.subarray(at + 8, at + size) };
    at += size;
  }
}

/**
 * The body of the first outermost box of a type.
 *
 * @param maxBytes more than this is not read
 * @throws UnreadableHeader when there is none, or it is larger
 */
export async function readOuterBox(file: ByteReader, type: string, maxBytes: number): Promise<Buffer> {
  for (let at = 0; ; ) {
    const head = await file.upTo(at, 16);
    if (head.length < 8) throw new UnreadableHeader(`it has no ${type} box`);
    const { size, headBytes } = outerSize(head, file.size - at);
    if (head.toString('latin1', 4, 8) === type) {
      if (size > maxBytes) throw new UnreadableHeader(`its ${type} box is too large`);
      return file.exactly(at + headBytes, size - headBytes);
    }
    at += size;
  }
}

function outerSize(head: Buffer, bytesLeft: number): { size: number; headBytes: number } {
  const short = head.readUInt32BE(0);
  const isLong = short === 1 && head.length === 16;
  const headBytes = isLong ? 16 : 8;
  const size = isLong ? Number(head.readBigUInt64BE(8)) : short === 0 ? bytesLeft : short;
  if (size < headBytes) throw new UnreadableHeader('a box is smaller than its head');
  return { size, headBytes };
}

/** Takes unsigned big-endian numbers off the front of a box, one by one. */
export class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * The next number of 1 to 4 bytes.
   *
   * @throws UnreadableHeader when the box ends before
   */
  take(bytes: 1 | 2 | 3 | 4): number {
    if (this.#at + bytes > this.#bytes.length) throw new UnreadableHeader('a box is shorter than it says');
    this.#at += bytes;
    return this.#bytes.readUIntBE(this.#at - bytes, bytes);
  }

  /** An unsigned number of 4 or 8 bytes, as boxes choose; others are none. @throws UnreadableHeader */
  number(bytes: number): number {
    if (bytes === 4) return this.take(4);
    if (bytes === 8) return this.take(4) * 2 ** 32 + this.take(4);
    throw new UnreadableHeader('a box has numbers of an odd size');
  }

  /** The next bytes as text, a letter each. */
  text(bytes: number): string {
    this.skip(bytes);
    return this.#bytes.toString('latin1', this.#at - bytes, this.#at);
  }

  /** Leaves bytes out. @throws UnreadableHeader when the box ends before */
  skip(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw new UnreadableHeader('a box is shorter than it says');
    this.#at += bytes;
  }

  /** What a full box begins with (ISO/IEC 14496-12, 4.2.2). */
  fullBoxHeader(): { version: number; flags: number } {
    return { version: this.take(1), flags: this.take(3) };
  }
}
