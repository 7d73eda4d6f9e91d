/** What everything after PostgreSQL works with: a row at a time makes compression 15 times slower. */
const BLOCK_BYTES = 64 * 1024;

/** Joins pieces of any size to blocks of 64 KiB. */
export class Blocks {
  readonly #emit: (block: Buffer) => void;
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;

  /** @param emit takes a block, and has it for itself from then on */
  constructor(emit: (block: Buffer) => void) {
    this.#emit = emit;
  }

  /** Takes some bytes and copies them. */
  add(bytes: Buffer): void {
    let taken = 0;
    while (taken < bytes.length) {
      const copied = bytes.copy(this.#block, this.#used, taken);
      taken += copied;
      this.#used += copied;
      if (this.#used === BLOCK_BYTES) this.flush();
    }
  }

  /** Hands on what there is, as a block of its own. */
  flush(): void {
    if (this.#used === 0) return;
    const block = this.#block.subarray(0, this.#used);
    this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#used = 0;
    this.#emit(block);
  }
}
