const PIECE_BYTES = 64 * 1024;
/** A character of UTF-16 takes three bytes of UTF-8 at most. */
const MAX_BYTES = 3;

/**
 * Joins texts to pieces of UTF-8 in one buffer, so that however much passes nothing of it stays behind:
 * V8 counts what is outside its heap, and collects it late.
 */
export class TextPieces {
  readonly #buffer = Buffer.allocUnsafe(PIECE_BYTES);
  #used = 0;

  /** Takes a text. @returns what is full by that; each piece is overwritten by the next text */
  *add(text: string): Generator<Buffer> {
    if (this.#used + text.length * MAX_BYTES > PIECE_BYTES) yield* this.rest();
    if (text.length * MAX_BYTES > PIECE_BYTES) yield Buffer.from(text);
    else this.#used += this.#buffer.write(text, this.#used);
  }

  /** What is still there. */
  *rest(): Generator<Buffer> {
    const used = this.#used;
    this.#used = 0;
    if (used > 0) yield this.#buffer.subarray(0, used);
  }
}
