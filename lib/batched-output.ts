import { fstatSync, write, writeSync } from 'node:fs';

const FLUSH_MS = 100;
/** Lines are written at once when they are more than this, so that memory stays small. */
const MAX_LINES = 1_000;
/** Linux's PIPE_BUF: what is written at once to a pipe up to that is never mixed with what others write to it. */
const ATOMIC_BYTES = 4_096;

/**
 * Writes lines to a file descriptor in batches, at most every {@link FLUSH_MS}, one write at a time, to a pipe each
 * small enough that those of two processes do not mix. A service that logs a line a request pays for a
 * push instead of a write; the process's exit writes the rest.
 */
export class BatchedOutput {
  readonly #fd: number;
  /** A file takes each write as a whole, however long it is. */
  readonly #isFile: boolean;
  #lines: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.#isFile = fstatSync(fd).isFile();
    process.once('exit', () => this.#flushNow());
  }

  /** Takes a line with its newline. */
  write(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= MAX_LINES) this.#flushNow();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    if (this.#writing || this.#lines.length === 0) return;
    const batch = this.#nextBatch();
    this.#writing = true;
    write(this.#fd, batch, (error, written) => {
      this.#writing = false;
      // A pipe that is full takes a part; nobody can be told that the log itself is gone.
      if (written < batch.length && error?.code !== 'EPIPE')
        this.#lines.unshift(batch.toString('utf8', written));
      if (this.#lines.length === 0) return;
      if (error) this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
      else this.#flush();
    });
  }

  #flushNow(): void {
    try {
      while (this.#lines.length > 0) writeSync(this.#fd, this.#nextBatch());
    } catch {
      // The reader is gone or does not read; the service goes on without its log.
      this.#lines = [];
    }
  }

  #nextBatch(): Buffer {
    return Buffer.from(this.#lines.splice(0, this.#isFile ? this.#lines.length : this.#atomic()).join(''));
  }

  /** How many lines may be written at once, at least one. */
  #atomic(): number {
    let bytes = 0;
    let count = 0;
    for (const line of this.#lines) {
      bytes += Buffer.byteLength(line);
      if (count > 0 && bytes > ATOMIC_BYTES) break;
      count += 1;
    }
    return count;
  }
}
