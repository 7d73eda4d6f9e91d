import { Problem } from '../errors.js';
import { type Column, readColumns } from './columns.js';
import { type CsvPosition, CsvReader, decodeCell } from './csv-reader.js';

/** The header of a CSV, and where its rows begin. */
export interface CsvHead {
  readonly columns: readonly Column[];
  readonly rowsAt: CsvPosition;
}

/** What the header has to lie in, in bytes. */
export const HEAD_BYTES = 64 * 1024;

const BOM = Buffer.from('\ufeff');
/** UTF-16 and UTF-32 of either byte order, with and without their mark: ASCII has a NUL beside it there. */
const WIDE_MARKS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
const WIDE_PROBE_BYTES = 4;

/**
 * Reads the header out of the first bytes of a CSV.
 *
 * @throws Problem ENCODING_UNSUPPORTED (415) for UTF-16 and UTF-32; COLUMNS_INVALID (400)
 */
export function readHead(head: Buffer): CsvHead {
  const isWide = WIDE_MARKS.some((mark) => head.subarray(0, mark.length).equals(mark));
  if (isWide || head.subarray(0, WIDE_PROBE_BYTES).includes(0))
    throw new Problem('ENCODING_UNSUPPORTED', 'The CSV is UTF-16 or UTF-32; an import takes UTF-8.');
  const start = head.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
  const reader = new CsvReader({ offset: start, line: 1 });
  const [header] = [...firstOf(reader.take(head.subarray(start))), ...firstOf(reader.end())];
  if (!header)
    throw new Problem('COLUMNS_INVALID', 'The CSV has no header; its first line names its columns.');
  if (typeof header.cells === 'string')
    throw new Problem('COLUMNS_INVALID', `The header cannot be read: ${header.cells}.`);
  return { columns: readColumns(namesIn(header.cells)), rowsAt: header.end };
}

function namesIn(cells: readonly string[]): string[] {
  try {
    return cells.map(decodeCell);
  } catch (cause) {
    throw new Problem('ENCODING_UNSUPPORTED', 'The header is not UTF-8; an import takes UTF-8.', { cause });
  }
}

function firstOf<T>(items: Iterable<T>): T[] {
  for (const item of items) return [item];
  return [];
}
