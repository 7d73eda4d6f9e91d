import { randomUUID } from 'node:crypto';
import type { Dirent, ReadStream } from 'node:fs';
import { open, opendir, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Problem, storageProblem, systemErrorCode } from '../errors.js';
import { inSpan } from '../telemetry/tracing.js';
import type { BlobEntry, BlobHandle, BlobRange, BlobStat, BlobStore } from './blob-store.js';
import { makeFolder, moveDurably } from './durable.js';
import { assertKey, assertPrefix, isKey } from './keys.js';

/** Each read costs a hop through the thread pool, each open download a chunk or two of memory. */
const READ_CHUNK_BYTES = 256 * 1024;

/**
 * Opens the store in a folder of the file system, and makes the folder where there is none.
 *
 * @param root the folder; everything in it belongs to the store
 * @throws Problem STORAGE_FULL, or the system's error when the folder cannot be made
 */
export async function openFileStore(root: string): Promise<BlobStore> {
  const store = new FileStore(resolve(root));
  await store.prepare();
  return store;
}

class FileStore implements BlobStore {
  readonly #root: string;
  readonly #temporary: string;

  constructor(root: string) {
    this.#root = root;
    this.#temporary = join(root, 'tmp');
  }

  async prepare(): Promise<void> {
    await makeFolder(this.#temporary).catch(failWrite);
  }

  temporaryPath(): string {
    return join(this.#temporary, randomUUID());
  }

  async put(key: string, temporaryPath: string, { synced = false } = {}): Promise<void> {
    const path = this.#path(key);
    const span = () => ({ name: 'store put', attributes: { 'halftone.key': key } });
    await inSpan(span, () => moveDurably(temporaryPath, path, synced)).then(undefined, failWrite);
  }

  async open(key: string, range?: BlobRange): Promise<BlobHandle> {
    const file = await open(this.#path(key)).catch(failRead);
    try {
      const { size } = await file.stat();
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? size - 1, size - 1);
      if (range && start > end) throw rangeProblem(size);
      // With its end known the stream allocates no more than it reads, and needs no read to find it.
      const stream = file.createReadStream({
        start,
        end: Math.max(end, 0),
        highWaterMark: READ_CHUNK_BYTES,
      });
      return { bytes: end - start + 1, stream, close: () => closed(stream) };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async stat(key: string): Promise<BlobStat | undefined> {
    return statFile(this.#path(key));
  }

  async remove(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async removeAll(prefix: string): Promise<void> {
    assertPrefix(prefix);
    await rm(join(this.#root, prefix), { recursive: true, force: true });
  }

  async *list(prefix: string): AsyncGenerator<BlobEntry> {
    assertPrefix(prefix);
    for await (const entry of readFolder(join(this.#root, prefix))) {
      const key = `${prefix}${entry.name}`;
      if (!isKey(key)) continue;
      if (entry.isDirectory()) yield* this.list(`${key}/`);
      else {
        const found = await statFile(join(this.#root, key));
        if (found) yield { key, ...found };
      }
    }
  }

  async sweepTemporary(olderThanMs: number, now: number): Promise<number> {
    let removed = 0;
    for await (const entry of readFolder(this.#temporary)) {
      const path = join(this.#temporary, entry.name);
      const found = await statFile(path);
      if (!found || found.modifiedAt.getTime() >= now - olderThanMs) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  async check(): Promise<void> {
    const path = this.temporaryPath();
    await writeFile(path, 'ok')
      .catch(failWrite)
      .finally(() => rm(path, { force: true }));
  }

  async localPath(key: string): Promise<string> {
    const path = this.#path(key);
    await stat(path).catch(failRead);
    return path;
  }

  #path(key: string): string {
    assertKey(key);
    return join(this.#root, key);
  }
}

async function statFile(path: string): Promise<BlobStat | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? { bytes: found.size, modifiedAt: found.mtime } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The entries of a folder; a folder that is missing, or goes meanwhile, has none. */
async function* readFolder(path: string): AsyncGenerator<Dirent> {
  try {
    yield* await opendir(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function closed(stream: ReadStream): Promise<void> {
  return new Promise((done) => {
    if (stream.closed) return done();
    stream.once('close', done);
    // Reading may fail at this very moment, and who closes is not interested any more.
    stream.on('error', () => {});
    stream.destroy();
  });
}

function isMissing(error: unknown): boolean {
  return systemErrorCode(error) === 'ENOENT';
}

function failRead(error: unknown): never {
  throw isMissing(error) ? new Problem('NOT_FOUND', 'The file is no longer there.', { cause: error }) : error;
}

function failWrite(error: unknown): never {
  throw storageProblem(error);
}

function rangeProblem(size: number): Problem {
  return new Problem('RANGE_NOT_SATISFIABLE', `The file has ${size} bytes.`, {
    headers: { 'Content-Range': `bytes */${size}` },
  });
}
