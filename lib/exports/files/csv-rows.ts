import { open } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

/** A cell as text; null where it is empty without quotes. */
export type Cell = string | null;

const PIECE_BYTES = 64 * 1024;
const QUOTE = 34;
const COMMA = 44;
const NEWLINE = 10;

/**
 * Reads the rows of a CSV that COPY wrote (see `FileTask`), without its header, those of a
 * piece at a time. Memory: a piece and its rows, or the longest row where that is longer.
 *
 * General CSV readers take an empty cell and `""` for the same; here they are null and empty text.
 *
 * @param pieceBytes where each row takes its time, a piece should be small: V8 collects late what has
 *   been there for a while
 * @throws Error when the text ends within a row; the signal's reason when aborted
 */
export async function* readCsvRows(
  path: string,
  signal: AbortSignal,
  pieceBytes = PIECE_BYTES,
): AsyncGenerator<Cell[][]> {
  let rest = '';
  let header = true;
  // A row that is not whole is looked through again from its start: each time with as much again.
  for await (const piece of readText(path, pieceBytes, () => rest.length)) {
    signal.throwIfAborted();
    const text = rest + piece;
    const rows: Cell[][] = [];
    rest = text.slice(takeRows(text, rows));
    if (header && rows.length > 0) {
      rows.shift();
      header = false;
    }
    if (rows.length > 0) yield rows;
  }
  if (rest !== '') throw new Error('the CSV ends within a row');
}

/**
 * A file's text in pieces, read into one buffer: a stream would leave one behind for each piece.
 *
 * @param least how long the next piece is to be, where there is so much
 */
async function* readText(path: string, pieceBytes: number, least: () => number): AsyncGenerator<string> {
  const file = await open(path);
  try {
    const decoder = new StringDecoder('utf8');
    const buffer = Buffer.allocUnsafe(pieceBytes);
    let text = '';
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) break;
      text += decoder.write(buffer.subarray(0, bytesRead));
      if (text.length < least()) continue;
      yield text;
      text = '';
    }
    yield text + decoder.end();
  } finally {
    await file.close();
  }
}

/** Adds each row that ends within the text. @returns where the first one begins that does not */
function takeRows(text: string, rows: Cell[][]): number {
  let start = 0;
  let row: Cell[] = [];
  // Where the next comma, quote and newline are: each is searched once, not once a cell.
  let newline = text.indexOf('\n');
  for (let at = 0; at < text.length; ) {
    let end: number;
    if (text.charCodeAt(at) === QUOTE) {
      const close = closingQuote(text, at + 1);
      // The quote at the very end may be the first half of a doubled one.
      if (close === -1 || close + 1 === text.length) return start;
      const inner = text.slice(at + 1, close);
      row.push(inner.includes('"') ? inner.replaceAll('""', '"') : inner);
      end = close + 1;
    } else {
      if (newline !== -1 && newline < at) newline = text.indexOf('\n', at);
      if (newline === -1) return start;
      const comma = text.indexOf(',', at);
      end = comma === -1 || comma > newline ? newline : comma;
      row.push(end === at ? null : text.slice(at, end));
    }
    const mark = text.charCodeAt(end);
    if (mark !== COMMA && mark !== NEWLINE) throw new Error('the CSV has text after a closing quote');
    at = end + 1;
    if (mark === NEWLINE) {
      rows.push(row);
      row = [];
      start = at;
    } else if (at === text.length) return start;
  }
  return start;
}

/** The quote that ends a cell: one that no other follows. -1 where there is none. */
function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at !== -1 && text.charCodeAt(at + 1) === QUOTE) at = text.indexOf('"', at + 2);
  return at;
}
