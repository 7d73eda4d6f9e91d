import type { ExportColumn } from '../../lists/column.js';
import { type Cell, readCsvRows } from './csv-rows.js';
import { assertAllRows, type FileTask, tooManyRows, wholeOrNothing } from './file-task.js';
import { cellXml, columnLetters } from './xlsx/cells.js';
import { fixedParts, SHEET_END, SHEET_PATH, sheetStart } from './xlsx/parts.js';
import { TextPieces } from './xlsx/text-pieces.js';
import { ZipEntryTooLarge, ZipWriter } from './zip-writer.js';

/** What a sheet takes beside its header: 2^20 rows in all (Excel's specifications and limits). */
export const MAX_XLSX_ROWS = 1_048_575;

/** Three times as fast as the default 6, and the file a sixth larger. */
const DEFLATE_LEVEL = 2;

const CSV_PIECE_BYTES = 16 * 1024;
/** Each report of progress goes from thread to thread. */
const PROGRESS_ROWS = 5_000;

/** What {@link writeXlsx} did. */
export interface XlsxOutcome {
  /** Cells whose text was longer than a cell takes; each ends with `… [cut: N characters]`. */
  readonly cutCells: number;
}

/**
 * Writes a spreadsheet from an export's CSV: one sheet, its header bold and frozen, with numbers,
 * booleans and dates as such; `xlsx/cells.ts` says what becomes of what Excel cannot hold. Streams: memory
 * does not grow with the rows.
 *
 * The XML is our own. exceljs, which most take, has not been released since 2023 and its stream knows no
 * back-pressure; hucre streams, but without a style for the header, at a third of the speed, and takes
 * a text that looks like an escape (`_x0041_`) for one. There is little to it: one sheet, three styles.
 *
 * @param sheetName what stands on its tab, such as the dataset's name; at most 31 characters
 * @throws Problem EXPORT_TOO_MANY_ROWS, before anything is written where the rows are too many
 */
export async function writeXlsx(task: FileTask, sheetName: string): Promise<XlsxOutcome> {
  if (task.rows > MAX_XLSX_ROWS) {
    throw tooManyRows(`XLSX takes ${MAX_XLSX_ROWS} rows a sheet, and there are ${task.rows}.`);
  }
  return wholeOrNothing(task.outputPath, task.signal, async () => {
    const zip = await ZipWriter.open(task.outputPath);
    try {
      for (const [name, xml] of fixedParts(sheetName)) await addPart(zip, name, [Buffer.from(xml)]);
      const sheet = new Sheet(task);
      await addPart(zip, SHEET_PATH, sheet.content()).catch(failLarge);
      await zip.finish();
      return { cutCells: sheet.cutCells };
    } finally {
      await zip.close();
    }
  });
}

async function addPart(
  zip: ZipWriter,
  name: string,
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
): Promise<void> {
  await zip.add({ name, modifiedAt: new Date(), bytes: 0, content, level: DEFLATE_LEVEL });
}

class Sheet {
  readonly #task: FileTask;
  readonly #columns: readonly (ExportColumn & { readonly letters: string })[];
  cutCells = 0;

  constructor(task: FileTask) {
    this.#task = task;
    this.#columns = task.columns.map((column, index) => ({ ...column, letters: columnLetters(index) }));
  }

  /** The sheet's XML; each piece is overwritten by the next. */
  async *content(): AsyncGenerator<Buffer> {
    const { csvPath, signal, rows: expected, columns, onProgress } = this.#task;
    const pieces = new TextPieces();
    yield* pieces.add(sheetStart(columns));
    let done = 0;
    let told = 0;
    for await (const rows of readCsvRows(csvPath, signal, CSV_PIECE_BYTES)) {
      for (const row of rows) {
        done += 1;
        // Not `yield*`, which would await something for each row.
        for (const piece of pieces.add(this.#rowXml(row, done + 1))) yield piece;
      }
      if (done - told < PROGRESS_ROWS) continue;
      told = done;
      onProgress(Math.min(done, expected));
    }
    assertAllRows(done, expected);
    onProgress(done);
    yield* pieces.add(SHEET_END);
    yield* pieces.rest();
  }

  #rowXml(row: readonly Cell[], number: number): string {
    let cells = '';
    for (const [index, { letters, type }] of this.#columns.entries()) {
      const text = row[index];
      // An empty cell is simply not there.
      if (text === null || text === undefined) continue;
      const { xml, cut } = cellXml(`${letters}${number}`, type, text);
      if (cut) this.cutCells += 1;
      cells += xml;
    }
    return `<row r="${number}">${cells}</row>`;
  }
}

/** A sheet of 4 GiB of XML is more than any spreadsheet opens, and needs a ZIP64 that Excel does not take. */
function failLarge(error: unknown): never {
  throw error instanceof ZipEntryTooLarge ? tooManyRows('XLSX takes 4 GiB of XML a sheet.') : error;
}
