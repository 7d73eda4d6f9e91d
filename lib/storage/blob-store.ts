import type { Readable } from 'node:stream';

/** What the store knows of a blob. */
export interface BlobStat {
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** A blob as {@link BlobStore.list} finds it. */
export interface BlobEntry extends BlobStat {
  readonly key: string;
}

/** The first and the last byte to read, counted from 0, both included. */
export interface BlobRange {
  readonly start: number;
  readonly end: number;
}

/** An open blob. It is let go when the stream ends, fails or is destroyed, or by `close()`. */
export interface BlobHandle {
  /** How many bytes the stream gives: the `Content-Length`, of the range where one was asked for. */
  readonly bytes: number;
  readonly stream: Readable;
  /** Lets the blob go, read or not. Never rejects; a second call does nothing. */
  close(): Promise<void>;
}

/**
 * Where the bytes of originals, renditions and exports are. Keys come from `keys.ts`; every method
 * throws a TypeError for a key or prefix of another shape. A key never shows a file that is not whole.
 */
export interface BlobStore {
  /** A new unique path for a file in the making, on the file system of the store. Makes no file. */
  temporaryPath(): string;

  /**
   * Moves a finished temporary file under its key; when it returns, the blob survives a power cut.
   * The same key again is harmless, as the same key has the same content. When it fails, the
   * temporary file may still be there: its owner removes it.
   *
   * @param how `synced`: the file's bytes are on the disk already, as `spool` leaves them
   * @throws Problem STORAGE_FULL
   */
  put(key: string, temporaryPath: string, how?: { readonly synced?: boolean }): Promise<void>;

  /**
   * Opens a blob, so that what is missing is known before any header is sent.
   *
   * @param range is cut to the blob's end
   * @throws Problem NOT_FOUND; RANGE_NOT_SATISFIABLE when the range starts past the end
   */
  open(key: string, range?: BlobRange): Promise<BlobHandle>;

  /** Size and time of a blob, or undefined when there is none. */
  stat(key: string): Promise<BlobStat | undefined>;

  /** Removes a blob; one that is missing is fine. */
  remove(key: string): Promise<void>;

  /** Removes every blob under a prefix such as `renditions/<sha256>/`. */
  removeAll(prefix: string): Promise<void>;

  /** Every blob under a prefix, in no order. Blobs that come or go meanwhile may be in it or not. */
  list(prefix: string): AsyncIterable<BlobEntry>;

  /**
   * Removes the temporary files that were last written before `now - olderThanMs`.
   *
   * @param now milliseconds since the epoch
   * @returns how many it removed
   */
  sweepTemporary(olderThanMs: number, now: number): Promise<number>;

  /** Resolves when the store takes a write; cheap enough for a readiness probe. Rejects otherwise. */
  check(): Promise<void>;

  /**
   * The path of a blob on this machine, for a worker thread (threads get paths, never bytes).
   *
   * @throws Problem NOT_FOUND
   */
  localPath(key: string): Promise<string>;
}
