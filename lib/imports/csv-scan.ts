/** Why the cells of a record cannot be told apart. */
export type CsvFault = 'too long' | 'quote not closed' | 'stray quote';

/** What stands at a place of a CSV. */
export interface CsvScan {
  /** Undefined: an empty line. */
  readonly cells: readonly string[] | CsvFault | undefined;
  /** Where the next record begins. */
  readonly next: number;
  /** How many lines it takes up. */
  readonly lines: number;
}

/** What bounds a record. */
export interface ScanLimits {
  /** Nothing comes after the text. */
  readonly isLast: boolean;
  /** Longest record, in characters. */
  readonly limit: number;
}

/**
 * Takes the record apart that begins at a place of a text (RFC 4180).
 *
 * A record whose quotes are broken ends with the line on which that shows, or with its first line where a
 * quote is never closed, so that it costs no more than itself.
 *
 * @returns undefined when it may go on after the text's end
 */
export function scanRecord(text: string, at: number, { isLast, limit }: ScanLimits): CsvScan | undefined {
  if (at >= text.length) return undefined;
  const newline = text.indexOf('\n', at);
  if (newline === -1 && !isLast) return undefined;
  const end = newline === -1 ? text.length : newline;
  const line = text.slice(at, withoutReturn(text, at, end));
  const next = newline === -1 ? end : newline + 1;
  if (line.length > limit) return { cells: 'too long', next, lines: 1 };
  if (!line.includes('"')) return { cells: line === '' ? undefined : line.split(','), next, lines: 1 };
  const isCut = isLast || text.length - at > limit;
  const quoted = new QuotedRecord(text, at).scan();
  if (quoted === undefined) return isCut ? { cells: 'quote not closed', next, lines: 1 } : undefined;
  // What may be the first half of a doubled quote ends the text.
  if (quoted.next >= text.length && text[text.length - 1] !== '\n' && !isLast) return undefined;
  if (quoted.next - at > limit + 2) return { cells: 'quote not closed', next, lines: 1 };
  return { ...quoted, lines: countLines(text, at, quoted.next) };
}

/** A record with quotes in it. */
class QuotedRecord {
  readonly #text: string;
  readonly #cells: string[] = [];
  #at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** @returns undefined when a quote is not closed */
  scan(): Pick<CsvScan, 'cells' | 'next'> | undefined {
    const text = this.#text;
    for (;;) {
      const isQuoted = text[this.#at] === '"';
      if (isQuoted && !this.#quotedCell()) return undefined;
      if (!isQuoted && !this.#plainCell()) return this.#fault();
      if (text[this.#at] === '\r' && (text[this.#at + 1] === '\n' || this.#at + 1 === text.length))
        this.#at += 1;
      if (this.#at >= text.length) return { cells: this.#cells, next: text.length };
      if (text[this.#at] === '\n') return { cells: this.#cells, next: this.#at + 1 };
      if (text[this.#at] !== ',') return this.#fault();
      this.#at += 1;
    }
  }

  /** @returns false when its quote is not closed */
  #quotedCell(): boolean {
    const text = this.#text;
    const start = this.#at + 1;
    let close = text.indexOf('"', start);
    while (close !== -1 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
    if (close === -1) return false;
    this.#cells.push(text.slice(start, close).replaceAll('""', '"'));
    this.#at = close + 1;
    return true;
  }

  /** @returns false when there is a quote in it */
  #plainCell(): boolean {
    const text = this.#text;
    const newline = endAt(text, '\n', this.#at);
    const end = Math.min(endAt(text, ',', this.#at), withoutReturn(text, this.#at, newline));
    const cell = text.slice(this.#at, end);
    if (cell.includes('"')) return false;
    this.#cells.push(cell);
    this.#at = end;
    return true;
  }

  #fault(): Pick<CsvScan, 'cells' | 'next'> {
    const newline = this.#text.indexOf('\n', this.#at);
    return { cells: 'stray quote', next: newline === -1 ? this.#text.length : newline + 1 };
  }
}

function endAt(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found === -1 ? text.length : found;
}

/** Where a line ends without the CR of a CRLF. */
function withoutReturn(text: string, from: number, end: number): number {
  return end > from && text[end - 1] === '\r' ? end - 1 : end;
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) lines += 1;
  return Math.max(1, lines);
}
