import { rm } from 'node:fs/promises';
import { Problem, storageProblem } from '../../errors.js';
import type { ExportColumn } from '../../lists/column.js';

/**
 * Making a finished file out of the rows of an export, which COPY has written as CSV: comma, one header
 * line, `\n` after each row, an empty cell for null and `""` for empty text, timestamps such as
 * `2026-11-22T21:00:00.123Z`, booleans `t` and `f`, JSON as text, no formula guard.
 */
export interface FileTask {
  readonly csvPath: string;
  /** How many rows the CSV holds, as COPY counted them: a file with another number is never finished. */
  readonly rows: number;
  /** In the order of the CSV's cells. */
  readonly columns: readonly ExportColumn[];
  /** Where the file is to be; on any failure nothing is left there. */
  readonly outputPath: string;
  readonly signal: AbortSignal;
  /** Called now and then with the number of rows done so far; never more than `rows`. */
  readonly onProgress: (rows: number) => void;
}

/**
 * Runs what writes a file: when it fails or is aborted, the file is removed.
 *
 * @throws the signal's reason when aborted; Problem STORAGE_FULL where the disk is; else what `write` threw
 */
export async function wholeOrNothing<T>(
  outputPath: string,
  signal: AbortSignal,
  write: () => Promise<T>,
): Promise<T> {
  try {
    signal.throwIfAborted();
    const result = await write();
    signal.throwIfAborted();
    return result;
  } catch (error) {
    await rm(outputPath, { force: true }).catch(() => {});
    throw signal.aborted ? signal.reason : storageProblem(error);
  }
}

/** @throws Error when a file has not got every row of its CSV */
export function assertAllRows(written: number, expected: number): void {
  if (written !== expected) throw new Error(`the file has ${written} rows, its CSV ${expected}`);
}

/** The problem of rows that a format cannot hold. `why` begins with the format's name. */
export function tooManyRows(why: string): Problem {
  return new Problem('EXPORT_TOO_MANY_ROWS', `${why} Narrow the filter, or take CSV, NDJSON or Parquet.`);
}
