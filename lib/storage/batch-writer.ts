import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { systemErrorCode } from '../errors.js';

/** One write is in the making while another is on its way: a writer holds at most twice this, 1 MiB. */
const BATCH_BYTES = 512 * 1024;
/** After so much the disk is set to work while more comes: else the whole of a large file would wait for it at its end. */
const SYNC_BYTES = 32 * 1024 * 1024;
/** Many tiny chunks weigh more as objects than as bytes. */
const BATCH_CHUNKS = 1024;

/** What a {@link BatchWriter} can be told. */
export interface BatchWriterOptions {
  /** Where the first byte goes in a file that may be there already; undefined: a new file. */
  readonly position?: number | undefined;
  /** Called with each chunk once the file has it. */
  readonly onWritten?: ((chunk: Buffer) => void) | undefined;
}

/**
 * Joins chunks into few writes, since each write is a hop through the thread pool. The file is opened
 * with the first of them, so a small upload that is refused never touches the disk.
 */
export class BatchWriter {
  readonly #path: string;
  readonly #flags: string | number;
  readonly #onWritten: ((chunk: Buffer) => void) | undefined;
  #position: number | undefined;
  #handle: FileHandle | undefined;
  #batch: Buffer[] = [];
  #batchBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #unsyncedBytes = 0;
  #isSyncing = false;
  #syncing: Promise<void> = Promise.resolve();

  constructor(path: string, { position, onWritten }: BatchWriterOptions = {}) {
    this.#path = path;
    this.#onWritten = onWritten;
    this.#position = position;
    this.#flags = position === undefined ? 'w' : constants.O_RDWR | constants.O_CREAT;
  }

  /** Takes a chunk; waits only when a full batch meets a write that is still on its way. */
  async add(chunk: Buffer): Promise<void> {
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    if (this.#batchBytes >= BATCH_BYTES || this.#batch.length >= BATCH_CHUNKS) await this.#flush();
  }

  /** Resolves when all that it took would survive a power cut. */
  async sync(): Promise<void> {
    await this.#written();
    await this.#handle?.datasync();
  }

  /** Writes what is left, syncs and closes. */
  async end(): Promise<void> {
    await this.#written();
    // Here the file is open already; whoever moves it under its key need not open it again to sync it.
    await this.#handle?.sync().catch(unlessPipe);
    await this.#handle?.close();
  }

  /** Closes the file as it is. Never rejects: the error that led here is the one to tell. */
  async abandon(): Promise<void> {
    await Promise.allSettled([this.#writing, this.#syncing]);
    await this.#handle?.close().catch(() => {});
  }

  /** Closes and removes the file. Never rejects. */
  async discard(): Promise<void> {
    await this.abandon();
    if (this.#handle) await rm(this.#path, { force: true }).catch(() => {});
  }

  /** What was taken is in the file, and nothing of it was lost on the way to the disk so far. */
  async #written(): Promise<void> {
    await this.#flush();
    await this.#writing;
    await this.#syncing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    this.#writing = this.#write(this.#batch, this.#batchBytes);
    // It is awaited at the next flush or at the end; until then nobody listens.
    this.#writing.catch(() => {});
    this.#batch = [];
    this.#batchBytes = 0;
  }

  async #write(batch: Buffer[], bytes: number): Promise<void> {
    this.#handle ??= await open(this.#path, this.#flags);
    if (bytes === 0) return;
    const { bytesWritten } = await this.#handle.writev(batch, this.#position);
    if (bytesWritten < bytes)
      await this.#writeRest(Buffer.concat(batch).subarray(bytesWritten), bytesWritten);
    if (this.#position !== undefined) this.#position += bytes;
    this.#syncBeside(this.#handle, bytes);
    if (this.#onWritten) for (const chunk of batch) this.#onWritten(chunk);
  }

  /** An error stays with it: the system tells of each once. */
  #syncBeside(handle: FileHandle, bytes: number): void {
    this.#unsyncedBytes += bytes;
    if (this.#unsyncedBytes < SYNC_BYTES || this.#isSyncing) return;
    this.#unsyncedBytes = 0;
    this.#isSyncing = true;
    this.#syncing = this.#syncing
      .then(() => handle.datasync().catch(unlessPipe))
      .finally(() => {
        this.#isSyncing = false;
      });
    // Heard at the end.
    this.#syncing.catch(() => {});
  }

  /** A short write goes on where it stopped, and there meets the error that cut it short, if any. */
  async #writeRest(rest: Buffer, written: number): Promise<void> {
    if (this.#position === undefined) {
      await this.#handle?.writeFile(rest);
      return;
    }
    const start = this.#position + written;
    for (let done = 0; done < rest.length; ) {
      const result = await this.#handle?.write(rest, done, rest.length - done, start + done);
      done += result?.bytesWritten ?? 0;
    }
  }
}

/** A pipe has no disk to be synced to. */
function unlessPipe(error: unknown): void {
  if (systemErrorCode(error) !== 'EINVAL') throw error;
}
