import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { DataStore, type Lock, type Locker, Metadata, Upload } from '@tus/server';
import type { Config } from '../../lib/config.js';
import { Problem } from '../../lib/errors.js';
import type { Asker } from '../../lib/images/create-image.js';
import type { Checksum } from '../../lib/uploads/checksum.js';
import { LEASE_MS, type UploadLock, type UploadLocks } from '../../lib/uploads/locks.js';
import { deleteUpload, insertUpload } from '../../lib/uploads/repository.js';
import type { UploadRow } from '../../lib/uploads/upload.js';
import { type WriteDeps, writeUpload } from '../../lib/uploads/write-upload.js';
import { readUploadMetadata } from './upload-metadata.js';

/** What uploads are served with. */
export interface UploadDeps extends WriteDeps {
  readonly config: WriteDeps['config'] & Pick<Config, 'uploadTtlHours'>;
  readonly locks: UploadLocks;
}

/** One request, as far as its upload is concerned. */
export interface Asked {
  readonly asker: Asker;
  /** `Upload-Metadata`, where the request makes an upload. */
  readonly metadata: string;
  readonly checksum: Checksum | undefined;
  /** The request's body, as it comes. */
  readonly body: Readable;
}

const HOUR_MS = 3_600_000;

/**
 * The store and the locks of one request to `@tus/server`: what that asks for goes to the rows and files of
 * the request's tenant. One a request, because the library's own interface knows neither who asks nor
 * checksums. The body is read from the request itself, not through the library's two web streams.
 */
export class TusExchange extends DataStore implements Locker {
  override extensions = ['creation', 'creation-with-upload', 'termination', 'expiration', 'checksum'];
  readonly #deps: UploadDeps;
  readonly #asked: Asked;
  #lock: UploadLock | undefined;
  #row: UploadRow | undefined;
  #isNew = false;

  constructor(deps: UploadDeps, asked: Asked) {
    super();
    this.#deps = { ...deps, database: deps.database.of(asked.asker.tenantId) };
    this.#asked = asked;
  }

  /** The upload as the request left it. */
  get row(): UploadRow | undefined {
    return this.#row;
  }

  /** Says that the request makes an upload: there is nothing to lock before. */
  begin(): void {
    this.#isNew = true;
  }

  newLock(id: string): Lock {
    return {
      lock: async () => {
        if (this.#isNew) return;
        const { row, lock } = await this.#deps.locks.acquire(this.#asked.asker.tenantId, id);
        this.#row = row;
        this.#lock = lock;
      },
      unlock: async () => this.#lock?.release(),
    };
  }

  override async create(upload: Upload): Promise<Upload> {
    const { database, config, locks } = this.#deps;
    const { asker, metadata } = this.#asked;
    const token = randomUUID();
    const since = performance.now();
    const made = { id: upload.id, tenantId: asker.tenantId, size: upload.size ?? 0, metadata };
    this.#row = await database.query('uploads.insert', (sql) =>
      insertUpload(sql, made, config.uploadTtlHours, { token, leaseMs: LEASE_MS }),
    );
    this.#lock = locks.hold(upload.id, token, since);
    return upload;
  }

  /** The row of the request's lock, or of what it has made. */
  override async getUpload(id: string): Promise<Upload> {
    const row = this.#row;
    if (!row) throw new Error('an upload was asked for before its lock');
    if (row.imageId === null) {
      // A file that was lost with its disk, or restored from an older copy, is no longer than it is.
      this.#row = { ...row, offset: Math.min(row.offset, await this.#deps.files.size(id)) };
    }
    const { size, offset, metadata, expiresAt, error } = this.#row ?? row;
    // It never goes on, and whoever asks for it learns why.
    if (error) throw new Problem(error.code, error.detail, error.errors && { errors: error.errors });
    return new Upload({
      id,
      size,
      offset,
      ...(metadata !== '' && { metadata: Metadata.parse(metadata) }),
      creation_date: new Date(expiresAt.getTime() - this.getExpiration()).toISOString(),
    });
  }

  /** Takes what the request brings. The library's stream is empty. */
  override async write(stream: Readable): Promise<number> {
    stream.resume();
    const [row, lock] = [this.#row, this.#lock];
    if (!row || !lock) throw new Error('a part was written without its upload');
    if (row.offset < row.size) {
      const { asker, body, checksum } = this.#asked;
      const wish = readUploadMetadata(row.metadata);
      this.#row = await writeUpload(this.#deps, asker, { row, lock }, { source: body, checksum }, wish);
    }
    return this.#row?.offset ?? row.offset;
  }

  override async remove(id: string): Promise<void> {
    const { database, files, hashes } = this.#deps;
    hashes.forget(id);
    await files.remove(id);
    await database.query('uploads.delete', (sql) => deleteUpload(sql, id));
  }

  override getExpiration(): number {
    return this.#deps.config.uploadTtlHours * HOUR_MS;
  }
}
