/**
 * What everything after PostgreSQL works with: a row at a time makes compression 15 times slower, and
 * 64 KiB still a fifth or more.
 */
export const BLOCK_BYTES = 256 * 1024;
/** A block that holds less than this share goes out as a copy of its own size. */
const SMALL_SHARE = 1 / 4;

/** Joins pieces of any size to blocks of 256 KiB. */
export class Blocks {
  readonly #emit: (block: Buffer) => void;
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;

  /** @param emit takes a block, and has it for itself from then on */
  constructor(emit: (block: Buffer) => void) {
    this.#emit = emit;
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
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#emit(used);
    }
  }
}
