import type { FileHandle } from 'node:fs/promises';

const BUFFER_BYTES = 512 * 1024;

/** Joins small writes to a new file into large ones, as each is a hop through the thread pool. */
export class WriteBuffer {
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;
  #flushed = 0;

  /** @param handle of an empty file, open for writing (and for reading where `content` is called) */
  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** How many bytes were written so far: where the next ones go. */
  get position(): number {
    return this.#flushed + this.#used;
  }

  /** Takes bytes; when it resolves, the chunk may be used again. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#used + chunk.length > BUFFER_BYTES) await this.flush();
    if (chunk.length > BUFFER_BYTES) {
      await this.#writeAt(chunk, this.#flushed);
      this.#flushed += chunk.length;
    } else {
      this.#buffer.set(chunk, this.#used);
      this.#used += chunk.length;
    }
  }

  /** Writes other bytes over those of one earlier `write` of the same length, which began at `position`. */
  async rewrite(chunk: Uint8Array, position: number): Promise<void> {
    // No write is split between file and buffer, so this one is in one of them.
    if (position >= this.#flushed) this.#buffer.set(chunk, position - this.#flushed);
    else await this.#writeAt(chunk, position);
  }

  /** Writes what is still in memory. */
  async flush(): Promise<void> {
    await this.#writeAt(this.#buffer.subarray(0, this.#used), this.#flushed);
    this.#flushed += this.#used;
    this.#used = 0;
  }

  /** Everything that was written, in pieces; each is overwritten by the next. */
  async *content(): AsyncGenerator<Buffer> {
    await this.flush();
    const piece = Buffer.allocUnsafe(BUFFER_BYTES);
    for (let position = 0; position < this.#flushed; ) {
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, position);
      if (bytesRead === 0) throw new Error('a temporary file was cut short');
      yield piece.subarray(0, bytesRead);
      position += bytesRead;
    }
  }

  async #writeAt(chunk: Uint8Array, position: number): Promise<void> {
    // A short write goes on where it stopped, and there meets the error that cut it short, if any.
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, position + done);
      done += bytesWritten;
    }
  }
}
