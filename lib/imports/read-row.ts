import { invalidField, Problem } from '../errors.js';
import { checkMetadata } from '../images/metadata.js';
import { type OutboundRules, urlFault } from '../outbound/url.js';
import { MAX_SOURCE_URL, withoutFragment } from '../sources/rules.js';
import type { Column } from './columns.js';
import { type CsvRecord, decodeCell } from './csv-reader.js';
import type { CsvFault } from './csv-scan.js';
import type { ImportSource } from './import.js';
import { pathFault } from './import-folder.js';

/** What rows are held against. */
export interface RowRules {
  readonly columns: readonly Column[];
  /** Names of every preset that the tenant has. */
  readonly presets: ReadonlySet<string>;
  readonly outbound: OutboundRules;
  /** Undefined: no row may name a path. */
  readonly importFolder: string | undefined;
}

/** Most presets of a row. */
const MAX_PRESETS = 50;
/** Semicolons, bars and spaces: a comma would need quotes. */
const PRESET_SEPARATOR = /[\s;|]+/;

/** What each fault of a record is to the client. */
const faults = {
  'too long': ['ROW_TOO_LONG', 'The row is longer than 64 KiB.'],
  'quote not closed': [
    'ROW_QUOTES',
    'A quote is not closed; the row is passed over up to the end of its line.',
  ],
  'stray quote': [
    'ROW_QUOTES',
    'A quote stands within a cell; it takes quotes around it, and each quote doubled.',
  ],
} as const satisfies Record<CsvFault, readonly [string, string]>;

/**
 * What a row of an import asks for. Nothing is fetched or opened here.
 *
 * @throws Problem saying why it is none: ROW_RAGGED, ROW_QUOTES, ROW_ENCODING, ROW_TOO_LONG, PRESET_UNKNOWN,
 *   ADDRESS_NOT_ALLOWED, PATH_NOT_ALLOWED or VALIDATION_FAILED
 */
export function readRow({ line, cells }: Pick<CsvRecord, 'line' | 'cells'>, rules: RowRules): ImportSource {
  if (typeof cells === 'string') {
    const [code, detail] = faults[cells];
    throw new Problem(code, detail);
  }
  const { columns } = rules;
  if (cells.length !== columns.length) {
    const detail = `The row has ${cells.length} cells, and the header names ${columns.length} columns.`;
    throw new Problem('ROW_RAGGED', detail);
  }
  const given: Partial<Record<Exclude<Column['kind'], 'metadata'>, string>> = {};
  const metadata: [string, string][] = [];
  columns.forEach((column, index) => {
    const cell = decodeCell(cells[index] ?? '');
    if (cell === '') return;
    if (column.kind === 'metadata') metadata.push([column.name, cell]);
    else given[column.kind] = cell.trim();
  });
  const { url, path, filename } = given;
  return {
    line,
    ...place(url, path, rules),
    ...(filename && { filename }),
    presets: presetsIn(given.presets ?? '', rules),
    metadata: textsOf(metadata),
  };
}

function place(
  url: string | undefined,
  path: string | undefined,
  { outbound, importFolder }: RowRules,
): Pick<ImportSource, 'url' | 'path'> {
  if (url && path) throw invalidField('url', 'is there, and so is path; a row takes one of them');
  if (url) {
    const fault = faultOfUrl(url, outbound);
    if (fault !== undefined) throw new Problem('ADDRESS_NOT_ALLOWED', `The url ${fault}.`);
    return { url: withoutFragment(new URL(url)) };
  }
  if (!path) throw invalidField('url', 'is empty, and there is no path; a row takes one of them');
  const fault = importFolder === undefined ? 'is refused: no import folder is set up here' : pathFault(path);
  if (fault !== undefined) throw new Problem('PATH_NOT_ALLOWED', `The path ${fault}.`);
  return { path };
}

function faultOfUrl(url: string, rules: OutboundRules): string | undefined {
  if (url.length > MAX_SOURCE_URL) return `is longer than ${MAX_SOURCE_URL} characters`;
  return URL.canParse(url) ? urlFault(new URL(url), rules) : 'is not a URL';
}

function presetsIn(cell: string, { presets }: RowRules): string[] {
  if (cell === '') return [];
  const names = cell.split(PRESET_SEPARATOR).filter((name) => name !== '');
  if (names.length > MAX_PRESETS)
    throw invalidField('presets', `are ${names.length}; a row takes at most ${MAX_PRESETS}`);
  const unknown = names.find((name) => !presets.has(name));
  if (unknown === undefined) return names;
  const message = `name ${JSON.stringify(unknown)}; known are ${[...presets].join(', ')}`;
  throw invalidField('presets', message, 'PRESET_UNKNOWN');
}

function textsOf(entries: readonly [string, string][]): ImportSource['metadata'] {
  const metadata = Object.fromEntries(entries);
  if (entries.length > 0) checkMetadata(metadata);
  return metadata;
}
