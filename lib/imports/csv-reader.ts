import { Problem } from '../errors.js';
import { type CsvFault, type CsvScan, scanRecord } from './csv-scan.js';

/** Where a record ends in the file. */
export interface CsvPosition {
  /** The byte after it. */
  readonly offset: number;
  /** The number of the line after it. */
  readonly line: number;
}

/** A record of a CSV, or what stands in its place. */
export interface CsvRecord {
  /** The line that it begins on, from 1. */
  readonly line: number;
  readonly end: CsvPosition;
  /** Its cells, a character a byte: see {@link decodeCell}. Where they cannot be told apart, why. */
  readonly cells: readonly string[] | CsvFault;
}

/** Longest record, in bytes: what a quote that is not closed may swallow. */
export const MAX_RECORD_BYTES = 64 * 1024;

/**
 * Takes a CSV apart as it arrives (RFC 4180, commas; lines end in LF or CRLF; empty lines are no records).
 *
 * Our own, because of what an import needs beside the cells: the byte at which to go on after a crash, bytes
 * that are not UTF-8 told apart, and after a broken record the next one. `csv-parse` drops the rest of the
 * file after a record that is too long, swallows records after a stray quote, and takes ten times as long.
 */
export class CsvReader {
  #rest = '';
  #offset: number;
  #line: number;
  /** Set while the rest of a line is passed over that is too long. */
  #overlong = false;

  /** @param from where the first byte that it is given stands in the file */
  constructor(from: CsvPosition) {
    this.#offset = from.offset;
    this.#line = from.line;
  }

  /** Where the part of the file that has been taken apart ends. */
  get position(): CsvPosition {
    return { offset: this.#offset, line: this.#line };
  }

  /** The records that end in this chunk. */
  *take(chunk: Buffer): Generator<CsvRecord> {
    yield* this.#records(this.#rest + chunk.toString('latin1'), false);
  }

  /** What is left when the file has ended: a last record without a line end. */
  *end(): Generator<CsvRecord> {
    yield* this.#records(this.#rest, true);
  }

  *#records(text: string, isLast: boolean): Generator<CsvRecord> {
    let at = 0;
    for (;;) {
      const scan = this.#scan(text, at, isLast);
      if (!scan) break;
      const line = this.#line;
      this.#offset += scan.next - at;
      this.#line += scan.lines;
      at = scan.next;
      if (scan.cells) yield { line, end: this.position, cells: scan.cells };
    }
    this.#rest = text.slice(at);
    // Of a line without an end no more is kept than tells that it is too long.
    this.#overlong ||= this.#rest.length > MAX_RECORD_BYTES;
    if (!this.#overlong) return;
    this.#offset += this.#rest.length;
    this.#rest = '';
  }

  #scan(text: string, at: number, isLast: boolean): CsvScan | undefined {
    if (!this.#overlong) return scanRecord(text, at, { isLast, limit: MAX_RECORD_BYTES });
    const newline = text.indexOf('\n', at);
    if (newline === -1 && !isLast) return undefined;
    this.#overlong = false;
    return { cells: 'too long', next: newline === -1 ? text.length : newline + 1, lines: 1 };
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// biome-ignore lint/suspicious/noControlCharactersInRegex: what is looked for is everything else
const PLAIN = /^[\x01-\x7f]*$/;

/**
 * A cell as text.
 *
 * @throws Problem ROW_ENCODING (422) where it is no UTF-8, or holds a NUL
 */
export function decodeCell(cell: string): string {
  if (PLAIN.test(cell)) return cell;
  if (cell.includes('\0')) throw new Problem('ROW_ENCODING', 'The row holds a NUL character.');
  try {
    return utf8.decode(Buffer.from(cell, 'latin1'));
  } catch (cause) {
    throw new Problem('ROW_ENCODING', 'The row holds bytes that are not UTF-8.', { cause });
  }
}
