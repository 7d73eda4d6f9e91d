import { write, writeSync } from 'node:fs';

const FLUSH_MS = 100;
/** Lines are written at once when they are more than this, so that memory stays small. */
const MAX_LINES = 1_000;

/**
 * Writes lines to a file descriptor in batches, at most every {@link FLUSH_MS} and one write at a time. A
 * service that logs a line a request pays for a push instead of a write; the process's exit writes the rest.
 */
export class BatchedOutput {
  readonly #fd: number;
  #lines: string[] = [];
  #timer: NodeJS.Timeout | undefined;
  #writing = false;

  constructor(fd: number) {
    this.#fd = fd;
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
    const batch = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#writing = true;
    write(this.#fd, batch, (error, written) => {
      this.#writing = false;
      // A pipe that is full takes a part; nobody can be told that the log itself is gone.
      if (written < batch.length && error?.code !== 'EPIPE')
        this.#lines.unshift(batch.toString('utf8', written));
      if (this.#lines.length > 0) this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
    });
  }

  #flushNow(): void {
    const batch = this.#lines.join('');
    this.#lines = [];
    try {
      writeSync(this.#fd, batch);
    } catch {
      // The reader is gone or does not read; the service goes on without its log.
    }
  }
}
