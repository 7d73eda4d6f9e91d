import type { ColumnType } from '../../../lists/column.js';

/** Styles of `parts.ts`, by their place in its `cellXfs`. */
export const styles = { plain: 0, header: 1, instant: 2 } as const;

/** The most characters that Excel takes in a cell, in UTF-16 units. */
export const MAX_CELL_CHARACTERS = 32_767;

const MS_PER_DAY = 86_400_000;
/** 1970-01-01 in days of the 1900 date system. */
const EPOCH_SERIAL = 25_569;
/** Excel counts a 29 February 1900 that never was, so readers do not agree on days before it. */
const FIRST_INSTANT = Date.UTC(1900, 2, 1);
const LAST_INSTANT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A text that was longer than a cell takes ends with how long it was. */
const cutMark = (length: number): string => `… [cut: ${length} characters]`;

/** A cell's XML, and whether its text was cut. */
export interface CellXml {
  readonly xml: string;
  readonly cut: boolean;
}

/**
 * A cell that is not null, from its text in the CSV.
 *
 * Numbers, booleans and instants are what they are; so is a bigint up to 2^53, while a larger one is
 * text, since a spreadsheet's numbers are doubles. An instant is in UTC, as a spreadsheet knows no
 * zones; one before March 1900 or after 9999 is ISO text. All else is text, and never a formula.
 *
 * @param reference such as `B7`
 */
export function cellXml(reference: string, type: ColumnType, text: string): CellXml {
  switch (type) {
    case 'integer':
    case 'double':
      return Number.isFinite(Number(text)) ? whole(numberCell(reference, text)) : textCell(reference, text);
    case 'bigint':
      return Number.isSafeInteger(Number(text))
        ? whole(numberCell(reference, text))
        : textCell(reference, text);
    case 'boolean':
      return whole(`<c r="${reference}" t="b"><v>${text.startsWith('t') ? 1 : 0}</v></c>`);
    case 'timestamp': {
      const ms = Date.parse(text);
      return ms >= FIRST_INSTANT && ms <= LAST_INSTANT
        ? whole(`<c r="${reference}" s="${styles.instant}"><v>${ms / MS_PER_DAY + EPOCH_SERIAL}</v></c>`)
        : textCell(reference, text);
    }
    default:
      return textCell(reference, text);
  }
}

/** A cell of the header. */
export function headerXml(reference: string, text: string): string {
  return inlineText(reference, text, ` s="${styles.header}"`);
}

/** The letters of a column, from 0: A … Z, AA … */
export function columnLetters(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : columnLetters(Math.floor(index / 26) - 1) + letter;
}

function whole(xml: string): CellXml {
  return { xml, cut: false };
}

function numberCell(reference: string, text: string): string {
  return `<c r="${reference}"><v>${text}</v></c>`;
}

function textCell(reference: string, text: string): CellXml {
  if (text.length <= MAX_CELL_CHARACTERS) return whole(inlineText(reference, text, ''));
  const mark = cutMark(text.length);
  // Half a character may be left at the cut: it goes.
  const kept = text.slice(0, MAX_CELL_CHARACTERS - mark.length).replace(/[\ud800-\udbff]$/, '');
  return { xml: inlineText(reference, kept + mark, ''), cut: true };
}

/** Inline, as a table of shared texts would have to be kept in memory. */
function inlineText(reference: string, text: string, style: string): string {
  return `<c r="${reference}"${style} t="inlineStr"><is><t xml:space="preserve">${escapeText(text)}</t></is></c>`;
}

// \p{Cc}: control characters; XML takes only TAB and LF of those below U+0020, and turns CR into LF.
const SPECIAL = /[&<>\p{Cc}\ufffe\uffff]|_(?=x[\dA-Fa-f]{4}_)/gu;

/**
 * Text for XML. What XML forbids is written as Excel does, `_x0007_` (ECMA-376 part 1, 22.9.2.19:
 * ST_Xstring), and so is the `_` of a text that happens to look like that.
 */
export function escapeText(text: string): string {
  return text.replace(SPECIAL, (found) => {
    switch (found) {
      case '&':
        return '&amp;';
      case '<':
        return '&lt;';
      case '>':
        return '&gt;';
      case '\t':
      case '\n':
        return found;
      default:
        return `_x${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`;
    }
  });
}
