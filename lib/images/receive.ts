import { open, rm } from 'node:fs/promises';
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
export type ReceiveLimits = Pick<Config, 'maxUploadBytes' | 'maxInputPixels' | 'maxInputFrames'>;

/** What the type is found in; file-type wants 4100 bytes. */
export const HEAD_BYTES = 4_100;

/**
 * Writes an upload to a temporary file while hashing it, and finds out what it is: the type by its
 * first bytes, before the rest is read, and the size by its header. Nothing is decoded.
 *
 * @throws Problem BODY_EMPTY, MEDIA_TYPE_UNSUPPORTED, UPLOAD_TOO_LARGE, STORAGE_FULL or, where
 *   the image has too much of something, one that begins with INPUT; then no file is left
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
    const facts = await probe(temporaryPath, bytes, seen, limits);
    return { ...facts, temporaryPath, bytes, sha256, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

/**
 * Finds out what an upload is that lies in a temporary file already, whole and synced, as
 * {@link receiveImage} does with one that arrives.
 *
 * @param sha256 of the file, in lower-case hex
 * @throws Problem MEDIA_TYPE_UNSUPPORTED, IMAGE_CORRUPT, INPUT_TOO_MANY_PIXELS and its like; the file is left
 */
export async function examineImage(
  temporaryPath: string,
  sha256: string,
  limits: ReceiveLimits,
): Promise<ReceivedImage> {
  const { bytes, head } = await readHead(temporaryPath);
  const facts = await probe(
    temporaryPath,
    bytes,
    { contentType: await sniffContentType(head), head },
    limits,
  );
  return { ...facts, temporaryPath, bytes, sha256, discard: () => rm(temporaryPath, { force: true }) };
}

function probe(
  path: string,
  size: number,
  { contentType, head }: { contentType: ImageContentType; head: Buffer },
  limits: ReceiveLimits,
): Promise<ImageFacts> {
  const { maxInputPixels: maxPixels, maxInputFrames: maxFrames } = limits;
  return probeImage(path, contentType, { maxPixels, maxFrames }, { size, head });
}

async function readHead(path: string): Promise<{ bytes: number; head: Buffer }> {
  const file = await open(path);
  try {
    const { size: bytes } = await file.stat();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(HEAD_BYTES, bytes)), 0);
    return { bytes, head: buffer.subarray(0, bytesRead) };
  } finally {
    await file.close();
  }
}
