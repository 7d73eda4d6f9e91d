import { fstatSync, write, writeSync } from 'node:fs';
import { systemErrorCode } from './errors.js';

const FLUSH_MS = 100;
/** Linux's PIPE_BUF: what is written at once to a pipe up to that is never mixed with what others write to it. */
const PIPE_BATCH_BYTES = 4_096;
/** A file takes each write as a whole, however long it is. */
const FILE_BATCH_BYTES = 65_536;
/** What waits is written at once when it is more than this, so that memory stays small. */
const MAX_WAITING_BYTES = 4 * FILE_BATCH_BYTES;
/** What a reader is behind by at most: one that is slower for good must not have us grow. */
const MAX_BEHIND_BYTES = 16 * 1024 * 1024;
/** How long a slow reader is waited for at the exit. */
const EXIT_MS = 500;
/** Bytes that a UTF-16 unit has in UTF-8, at most. */
const MAX_UNIT_BYTES = 3;

/**
 * Writes lines to a file descriptor in batches, at least every {@link FLUSH_MS}, to a pipe each small enough that
 * those of two processes do not mix. A service that logs a line a request pays for a copy instead of a write, and
 * keeps no text that has to be collected later; the process's exit writes the rest. Where a thread that writes is
 * far behind, what came later is not kept waiting for it: each line has its time.
 */
export class BatchedOutput {
  readonly #fd: number;
  readonly #isFile: boolean;
  readonly #batchBytes: number;
  /** Full ones, the first of which may be partly written. */
  #waiting: Buffer[] = [];
  #batch: Buffer;
  #used = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.#isFile = fstatSync(fd).isFile();
    this.#batchBytes = this.#isFile ? FILE_BATCH_BYTES : PIPE_BATCH_BYTES;
    this.#batch = Buffer.allocUnsafeSlow(this.#batchBytes);
    process.once('exit', () => this.#flushAtExit());
  }

  /** Takes a line with its newline. */
  write(line: string): void {
    if (!this.#fits(line)) this.#endBatch(Buffer.byteLength(line));
    this.#used += this.#batch.write(line, this.#used);
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #fits(line: string): boolean {
    const room = this.#batch.length - this.#used;
    return line.length * MAX_UNIT_BYTES <= room || Buffer.byteLength(line) <= room;
  }

  /** Begins a batch, which takes a line of so many bytes. */
  #endBatch(bytes: number): void {
    if (this.#used > 0) this.#waiting.push(this.#batch.subarray(0, this.#used));
    this.#batch = Buffer.allocUnsafeSlow(Math.max(this.#batchBytes, bytes));
    this.#used = 0;
    if (this.#waiting.length * this.#batchBytes >= MAX_WAITING_BYTES) this.#flushNow();
    // What goes to a pipe is so little that handing it to a thread would cost more.
    else if (this.#isFile && !this.#writing) this.#writeNext();
  }

  #flush(): void {
    this.#timer = undefined;
    this.#endBatch(0);
    if (!this.#writing) this.#writeNext();
  }

  #writeNext(): void {
    const batch = this.#waiting.shift();
    if (!batch) return;
    this.#writing = true;
    write(this.#fd, batch, (error, written = 0) => {
      this.#writing = false;
      // A pipe that is full takes a part; nobody can be told that the log itself is gone.
      if (written < batch.length && error?.code !== 'EPIPE') this.#waiting.unshift(batch.subarray(written));
      if (error) this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
      else this.#writeNext();
    });
  }

  #flushNow(): void {
    try {
      for (let batch = this.#waiting[0]; batch; batch = this.#waiting[0]) {
        const written = writeSync(this.#fd, batch);
        if (written < batch.length) this.#waiting[0] = batch.subarray(written);
        else this.#waiting.shift();
      }
    } catch (error) {
      // A pipe that is full is tried again. Without a reader, or far behind it, the service goes on without its log.
      const isFull = systemErrorCode(error) === 'EAGAIN';
      if (!isFull || this.#waiting.length * this.#batchBytes > MAX_BEHIND_BYTES) this.#waiting = [];
    }
  }

  #flushAtExit(): void {
    const end = Date.now() + EXIT_MS;
    this.#waiting.push(this.#batch.subarray(0, this.#used));
    this.#used = 0;
    for (this.#flushNow(); this.#waiting.length > 0 && Date.now() < end; this.#flushNow())
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
}
