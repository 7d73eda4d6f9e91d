import { execFile } from 'node:child_process';
import { constants, open } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { finished, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemErrorCode } from '../../errors.js';

const MAKE_MS = 5_000;
const LOOK_MS = 2;

/** A pipe that has a path, for what reads from paths only. */
export class NamedPipe {
  readonly #path: string;
  #closed = false;
  #sink: Socket | undefined;

  private constructor(path: string) {
    this.#path = path;
  }

  /** By `mkfifo` of POSIX: Node has no call for it. */
  static async make(path: string): Promise<NamedPipe> {
    await promisify(execFile)('mkfifo', ['-m', '600', path], { timeout: MAKE_MS });
    return new NamedPipe(path);
  }

  /**
   * Opens the end that is written to, when somebody has opened the other: what is written earlier would be lost
   * with nobody to read it.
   *
   * @param onWritten takes each chunk when its bytes are not needed any more
   * @throws Error when it was closed before
   */
  async open(onWritten: (chunk: Buffer) => void): Promise<Writable> {
    while (!this.#closed) {
      const fd = await promisify(open)(this.#path, constants.O_WRONLY | constants.O_NONBLOCK).catch(
        unlessUnread,
      );
      // As a socket it is written to when it has room; as a file a thread would wait in each write.
      if (fd !== undefined) this.#sink = new Socket({ fd, readable: false, writable: true });
      if (this.#sink) return this.#closed ? this.#sink.destroy() : telling(this.#sink, onWritten);
      await delay(LOOK_MS);
    }
    throw new Error('nobody has read from the pipe');
  }

  /** Ends it for both: the reader has what was written. */
  close(): void {
    this.#closed = true;
    this.#sink?.destroy();
  }

  /** Closes and removes it. */
  async remove(): Promise<void> {
    this.close();
    await rm(this.#path, { force: true });
  }
}

/** Writes to a sink, one chunk at a time, and says which were written. */
function telling(sink: Socket, onWritten: (chunk: Buffer) => void): Writable {
  const told = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      sink.write(chunk, (error) => {
        if (!error) onWritten(chunk);
        done(error);
      });
    },
    final: (done) => void sink.end(done),
    destroy: (error, done) => {
      sink.destroy();
      done(error);
    },
  });
  finished(sink, { readable: false }, (error) => void (error && told.destroy(error)));
  return told;
}

/** fifo(7): to open it so fails with ENXIO while nobody reads. */
function unlessUnread(error: unknown): undefined {
  if (systemErrorCode(error) !== 'ENXIO') throw error;
}
