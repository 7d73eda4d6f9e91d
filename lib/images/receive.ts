import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Config } from '../config.js';
import { Problem } from '../errors.js';
import type { BlobStore } from '../storage/blob-store.js';
import { spool } from '../storage/spool.js';
import { type ImageContentType, sniffContentType } from './media-types.js';
import { type ImageFacts, probeImage } from './probe.js';

/** An upload that arrived whole: its temporary file, and what it is. */
export interface ReceivedImage extends ImageFacts {
  readonly temporaryPath: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Removes the temporary file, if the store has not taken it. */
  discard(): Promise<void>;
}

/** Limits of an upload. */
export type ReceiveLimits = Pick<Config, 'maxUploadBytes' | 'maxInputPixels'>;

// What the type is found in; file-type wants 4100 bytes.
const HEAD_BYTES = 4_100;

/**
 * Writes an upload to a temporary file while hashing it, and finds out what it is: the type by its
 * first bytes, before the rest is read, and the size by its header. Nothing is decoded.
 *
 * @throws Problem BODY_EMPTY, MEDIA_TYPE_UNSUPPORTED, UPLOAD_TOO_LARGE, INPUT_TOO_MANY_PIXELS or
 *   STORAGE_FULL; then no file is left
 */
export async function receiveImage(
  source: Readable,
  store: BlobStore,
  limits: ReceiveLimits,
  signal: AbortSignal,
): Promise<ReceivedImage> {
  const temporaryPath = store.temporaryPath();
  const discard = (): Promise<void> => rm(temporaryPath, { force: true });
  try {
    let seen: { contentType: ImageContentType; head: Buffer } | undefined;
    const { bytes, sha256 } = await spool(source, temporaryPath, {
      maxBytes: limits.maxUploadBytes,
      headBytes: HEAD_BYTES,
      onHead: async (head) => {
        seen = { contentType: await sniffContentType(head), head };
      },
      signal,
    });
    if (seen === undefined) throw new Problem('BODY_EMPTY', 'The file is empty; it must be an image.');
    const { contentType, head } = seen;
    const facts = await probeImage(
      temporaryPath,
      contentType,
      { maxPixels: limits.maxInputPixels },
      { size: bytes, head },
    );
    return { ...facts, temporaryPath, bytes, sha256, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}
