import type { Hash } from 'node:crypto';
import { link, rm } from 'node:fs/promises';
import {
  type Asker,
  type CreateDeps,
  createImage,
  type Wanted,
  wantsRenditions,
} from '../images/create-image.js';
import { imageFilename } from '../images/filename.js';
import type { ImageMetadata } from '../images/image.js';
import { examineImage, type ReceiveLimits } from '../images/receive.js';
import { hashFile, type UploadFiles } from './files.js';
import { type LockedUpload, lockedProblem } from './locks.js';
import { recordImage } from './repository.js';
import type { UploadRow } from './upload.js';

/** What uploads become images with. */
export interface FinishDeps extends CreateDeps {
  readonly config: CreateDeps['config'] & ReceiveLimits;
  readonly files: UploadFiles;
}

/** What the client said beside the bytes. */
export interface Wish {
  readonly filename: string | undefined;
  readonly metadata: ImageMetadata;
  readonly wanted: Wanted;
}

/**
 * Makes an image, and a job, of an upload whose last byte is in, as `POST /v1/images` does. That is recorded in
 * the transaction that makes them: it happens once, whatever dies when.
 *
 * @param hash SHA-256 of all of it; undefined: the file is read
 * @throws Problem of what the file is, of what is wanted of it, BACKLOG_FULL or DATABASE_UNAVAILABLE (503), or
 *   UPLOAD_LOCKED; its file is left then
 */
export async function finishUpload(
  deps: FinishDeps,
  asker: Asker,
  { row, lock }: LockedUpload,
  { filename, metadata, wanted }: Wish,
  hash: Hash | undefined,
): Promise<UploadRow> {
  const { store, files, dispatcher, config } = deps;
  const path = files.path(row.id);
  const temporaryPath = store.temporaryPath();
  // The store takes the file before the transaction commits. If it does not commit, this one is still there.
  await link(path, temporaryPath);
  try {
    const received = await examineImage(temporaryPath, hash?.digest('hex') ?? (await hashFile(path)), config);
    if (wantsRenditions(wanted)) await dispatcher.assertRoom();
    const about = { filename: imageFilename(filename, received.contentType), metadata };
    const { image, job } = await createImage(deps, asker, received, about, wanted, async (sql, made) => {
      const ids = { imageId: made.image.id, jobId: made.job?.id ?? null };
      if (!(await recordImage(sql, row.id, lock.token, ids))) throw lockedProblem();
    });
    lock.forget();
    await files.remove(row.id);
    return { ...row, offset: row.size, imageId: image.id, jobId: job?.id ?? null };
  } finally {
    await rm(temporaryPath, { force: true });
  }
}
