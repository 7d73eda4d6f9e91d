import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Problem } from '../errors.js';
import type { BlobStore } from '../storage/blob-store.js';
import { spool } from '../storage/spool.js';
import { type CsvHead, HEAD_BYTES, readHead } from './head.js';

/** A CSV that arrived whole: its temporary file, and its header. */
export interface ReceivedCsv extends CsvHead {
  readonly temporaryPath: string;
  readonly bytes: number;
  /** Removes the temporary file, if the store has not taken it. */
  discard(): Promise<void>;
}

/**
 * Writes a CSV to a temporary file. Its header is read before the rest arrives; its rows are not.
 *
 * @throws Problem BODY_EMPTY, COLUMNS_INVALID (400), UPLOAD_TOO_LARGE (413), ENCODING_UNSUPPORTED (415) or
 *   STORAGE_FULL (507); then no file is left
 */
export async function receiveCsv(
  source: Readable,
  store: BlobStore,
  { maxImportBytes }: { readonly maxImportBytes: number },
  signal: AbortSignal,
): Promise<ReceivedCsv> {
  const temporaryPath = store.temporaryPath();
  const discard = (): Promise<void> => rm(temporaryPath, { force: true });
  try {
    let head: CsvHead | undefined;
    const { bytes } = await spool(source, temporaryPath, {
      maxBytes: maxImportBytes,
      headBytes: HEAD_BYTES,
      onHead: (first) => {
        head = readHead(first);
      },
      signal,
    });
    if (head === undefined)
      throw new Problem('BODY_EMPTY', 'The file is empty; it must be a CSV with a header.');
    return { ...head, temporaryPath, bytes, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}
