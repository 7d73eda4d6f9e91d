import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Config } from '../config.js';
import { systemErrorCode } from '../errors.js';
import { makeFolder, sync } from '../storage/durable.js';
import { storePath } from '../storage/keys.js';

const READ_CHUNK_BYTES = 1024 * 1024;

/** The files of uploads that are not finished: beside the store's blobs, on the same file system. */
export class UploadFiles {
  readonly #folder: string;

  constructor({ dataDir }: Pick<Config, 'dataDir'>) {
    this.#folder = join(storePath(dataDir), 'uploads');
  }

  /** @param id a UUID */
  path(id: string): string {
    return join(this.#folder, id);
  }

  /** Bytes of an upload's file; 0 when there is none. */
  async size(id: string): Promise<number> {
    return (await statOf(this.path(id)))?.size ?? 0;
  }

  /**
   * Makes sure that the file may be written: that its folder is there, and that the store has not taken it. It
   * has when the end of an upload went wrong after that; then the store's stays as it is, and this is a copy.
   */
  async prepare(id: string): Promise<void> {
    await makeFolder(this.#folder);
    const path = this.path(id);
    if (((await statOf(path))?.nlink ?? 1) === 1) return;
    const copy = `${path}.copy`;
    await copyFile(path, copy);
    await rename(copy, path);
  }

  /** Waits until the names of new files would survive a power cut. */
  syncNames(): Promise<void> {
    return sync(this.#folder);
  }

  /** Removes the file of an upload; one that is missing is fine. */
  async remove(id: string): Promise<void> {
    await rm(this.path(id), { force: true });
    await rm(`${this.path(id)}.copy`, { force: true });
  }
}

/** SHA-256 of a file, in lower-case hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: READ_CHUNK_BYTES }), hash);
  return hash.digest('hex');
}

async function statOf(path: string): Promise<{ size: number; nlink: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
