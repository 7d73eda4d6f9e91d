/**
 * What everything after PostgreSQL works with: a row at a time makes compression 15 times slower, and
 * 64 KiB still a fifth or more.
 */
export const BLOCK_BYTES = 256 * 1024;
/** A block that holds less than this share goes out as a copy of its own size. */
const SMALL_SHARE = 1 / 4;

/**
 * Memory for blocks. What a reader gives back is used again: V8 looks through all of its heap for every
 * 32 to 64 MiB of buffers that were made and dropped, which is a tenth of what an export costs.
 */
export class BlockMemory {
  readonly #free: Buffer[] = [];

  /** A block that nobody uses. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
  }

  /** @param chunk a block, or a part of one, that is not read any more; other memory is left alone */
  give(chunk: Buffer): void {
    if (chunk.buffer.byteLength === BLOCK_BYTES) this.#free.push(Buffer.from(chunk.buffer));
  }
}

/** Joins pieces of any size to blocks of 256 KiB. */
export class Blocks {
  readonly #memory: BlockMemory;
  readonly #emit: (block: Buffer) => void;
  #block: Buffer;
  #used = 0;

  /** @param emit takes a block, and has it for itself until it gives it back to the memory */
  constructor(memory: BlockMemory, emit: (block: Buffer) => void) {
    this.#memory = memory;
    this.#emit = emit;
    this.#block = memory.take();
  }

  /** Takes the bytes of a chunk from `start` to before `end`, and copies them. */
  add(chunk: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const copied = chunk.copy(this.#block, this.#used, at, end);
      at += copied;
      this.#used += copied;
      if (this.#used === BLOCK_BYTES) this.flush();
    }
  }

  /** Hands on what there is, as a block of its own. */
  flush(): void {
    if (this.#used === 0) return;
    const used = this.#block.subarray(0, this.#used);
    this.#used = 0;
    if (used.length < BLOCK_BYTES * SMALL_SHARE) {
      // Few bytes that wait for a slow reader should not hold a whole block in memory.
      this.#emit(Buffer.from(used));
    } else {
      this.#block = this.#memory.take();
      this.#emit(used);
    }
  }
}
