import type { Hash } from 'node:crypto';
import { truncate } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Problem } from '../errors.js';
import type { Asker } from '../images/create-image.js';
import { sniffContentType } from '../images/media-types.js';
import type { Checksum } from './checksum.js';
import { type FinishDeps, finishUpload, type Wish } from './finish.js';
import { type LockedUpload, lockedProblem } from './locks.js';
import { type ReceivedPart, receivePart } from './receive-part.js';
import { recordError, recordOffset } from './repository.js';
import type { RunningHashes } from './running-hashes.js';
import type { UploadRow } from './upload.js';

/** What parts are written with. */
export interface WriteDeps extends FinishDeps {
  readonly hashes: RunningHashes;
}

/** A part as it comes. */
export interface PartBody {
  readonly source: Readable;
  readonly checksum: Checksum | undefined;
}

/** What will not be otherwise the next time: the upload has failed for good. */
const FINAL_STATUSES: ReadonlySet<number> = new Set([400, 415, 422]);

/**
 * Takes the next part of an upload, and makes an image of the last one.
 *
 * The row says that all bytes are there only once the image is recorded. Until then it is one byte behind:
 * where the end goes wrong for a while, the client finds that its last byte has not been taken, and its next
 * try is short.
 *
 * @returns the upload as it is now; shorter than the part where somebody else wanted the lock
 * @throws Problem as `receivePart` and `finishUpload`; those of the file itself are kept as its `error`
 */
export async function writeUpload(
  deps: WriteDeps,
  asker: Asker,
  upload: LockedUpload,
  body: PartBody,
  wish: Wish,
): Promise<UploadRow> {
  const { row } = upload;
  const { hashes } = deps;
  const hash = hashes.from(row.id, row.offset);
  const { offset, end } = await receive(deps, upload, body, hash);
  if (offset === row.size) {
    hashes.forget(row.id);
    return orFailed(deps, upload, () => finishUpload(deps, asker, upload, wish, hash));
  }
  hashes.keep(row.id, offset, hash);
  if (end === 'cut') throw new Problem('BAD_REQUEST', 'The client closed the connection.');
  return { ...row, offset };
}

async function receive(
  deps: WriteDeps,
  upload: LockedUpload,
  { source, checksum }: PartBody,
  hash: Hash | undefined,
): Promise<ReceivedPart> {
  const { row, lock } = upload;
  const { database, files } = deps;
  const path = files.path(row.id);
  await files.prepare(row.id);
  let safe = row.offset;
  const record = async (reached: number, isLast: boolean): Promise<void> => {
    // The name of a new file is made durable with its first bytes.
    if (safe === 0) await files.syncNames();
    const offset = Math.min(reached, row.size - 1);
    // Where this is not the end, the lock goes with it: one query less a part.
    const isDone = isLast && reached < row.size;
    const isOurs = await database.query('uploads.recordOffset', (sql) =>
      recordOffset(sql, { id: row.id, token: lock.token }, offset, isDone),
    );
    if (!isOurs) throw lockedProblem();
    if (isDone) lock.forget();
    safe = offset;
  };
  const onHead = (head: Buffer) => orFailed(deps, upload, () => sniffContentType(head));
  const { offset, size } = row;
  try {
    return await receivePart(source, { path, offset, size, checksum, hash, lock, record, onHead });
  } catch (error) {
    // What does not count takes no space that others need.
    if (error instanceof Problem && error.code === 'STORAGE_FULL') await truncate(path, safe).catch(() => {});
    throw error;
  }
}

/** Where the file, or what is wanted of it, is to blame, the upload has failed: its row says why, and its file goes. */
async function orFailed<T>(
  { database, files, hashes }: WriteDeps,
  { row, lock }: LockedUpload,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Problem && FINAL_STATUSES.has(error.status)) {
      const problem = error.toJSON();
      await database.query('uploads.recordError', (sql) => recordError(sql, row.id, lock.token, problem));
      await files.remove(row.id);
      hashes.forget(row.id);
    }
    throw error;
  }
}
