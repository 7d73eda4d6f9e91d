import type { ExportColumn } from '../lists/column.js';
import type { FilterValue } from '../lists/list.js';
import { identifier, numberLiteral, textLiteral } from './literal.js';
import type { ExportRequest } from './request.js';
import {
  type SelectedColumn,
  type Selection,
  selectColumns,
  selectMembers,
  timestampText,
} from './select.js';

/** How a CSV is written. */
export interface CsvOptions {
  readonly delimiter: CsvDelimiter;
  /** Whether text that a spreadsheet would run as a formula is guarded by a leading apostrophe. */
  readonly formulaGuard: boolean;
}

/** What may stand between the cells of a CSV: comma, semicolon, tab, bar. */
export const csvDelimiters = [',', ';', '\t', '|'] as const;
export type CsvDelimiter = (typeof csvDelimiters)[number];

/** A part of an export, by the time of its rows. */
export interface ExportPart {
  /** Whether the export begins with it. */
  readonly isFirst: boolean;
  /** The earliest that its rows can be from; undefined: without such an end. */
  readonly from?: Date | undefined;
  /** What they all come before; undefined: without such an end. */
  readonly before?: Date | undefined;
}

/** An export in one piece. */
export const WHOLE: ExportPart = { isFirst: true };

/**
 * The statement that writes an export as CSV (RFC 4180, but for its line ends, which are LF): header,
 * UTF-8, null as an empty cell and empty text as `""`.
 *
 * It is for a session whose time zone is UTC, as {@link openCopy} has it.
 */
export function csvStatement(
  request: ExportRequest,
  tenantId: string,
  options: CsvOptions,
  part = WHOLE,
): string {
  const { parts: columns, joins } = selectColumns(request.dataset, request.names);
  const cells = columns.map(
    (column) => `${cell(column, options.formulaGuard)} as ${identifier(column.name)}`,
  );
  const query = `select ${cells.join(', ')} ${source(request, tenantId, joins, part)}`;
  return `copy (${query}) to stdout with (format csv, header ${part.isFirst}, delimiter ${textLiteral(options.delimiter)}, encoding 'UTF8')`;
}

/**
 * The statement that writes an export as one JSON object a line.
 *
 * @param ending what follows each object, within its line
 */
export function jsonStatement(
  request: ExportRequest,
  tenantId: string,
  ending: '' | ',' = '',
  part = WHOLE,
): string {
  const { parts, joins } = selectMembers(request.dataset, request.fields);
  const members = parts.map(({ name, sql }) => `${sql} as ${identifier(name)}`);
  const row = ending === '' ? 'row_to_json(r)' : `row_to_json(r)::text || ${textLiteral(ending)}`;
  const query = `select ${row} from (select ${members.join(', ')} ${source(request, tenantId, joins, part)}) r`;
  // The text format would double every backslash. CSV quotes only what holds one of these two control
  // characters or a line end, and JSON escapes them all.
  return `copy (${query}) to stdout with (format csv, quote e'\\x01', delimiter e'\\x02', encoding 'UTF8')`;
}

/** The columns of a flat export, in the order in which {@link csvStatement} writes them. */
export function exportColumns({ dataset, names }: ExportRequest): ExportColumn[] {
  return selectColumns(dataset, names).parts.map(({ name, type }) => ({ name, type }));
}

/** The statement that counts the rows of an export. */
export function countStatement(request: ExportRequest, tenantId: string): string {
  const { table } = request.dataset;
  return `select count(*) as total from ${table} where ${conditions(request, tenantId)}`;
}

/** The statement that says how many rows the planner expects an export to have. */
export function estimateStatement(request: ExportRequest, tenantId: string): string {
  return `explain (format json) select from ${request.dataset.table} where ${conditions(request, tenantId)}`;
}

/**
 * The statement that finds the first and the last time that an export can have rows of, by an index, and
 * PostgreSQL's sample of the times of its table, which only its owner may see.
 */
export function extentStatement({ dataset, filters }: ExportRequest, tenantId: string): string {
  const { table } = dataset;
  const ofTime = Object.entries(filters).filter(([name]) => dataset.filters[name]?.column === TIME);
  const where = conditions({ dataset, filters: Object.fromEntries(ofTime) }, tenantId);
  return `select min(${TIME}) as first, max(${TIME}) as last,
      (select histogram_bounds::text::timestamptz[] from pg_stats
       where schemaname = current_schema and tablename = ${textLiteral(table)} and attname = '${TIME}') as sample
    from ${table} where ${where}`;
}

const TIME = 'created_at';

/** `from`, related rows, conditions and order. */
function source(
  request: ExportRequest,
  tenantId: string,
  joins: Selection<unknown>['joins'],
  { from, before }: ExportPart,
): string {
  const { table } = request.dataset;
  const direction = request.sort === '-createdAt' ? 'desc' : 'asc';
  const times = [
    ...(from ? [`${table}.${TIME} >= ${textLiteral(from.toISOString())}`] : []),
    ...(before ? [`${table}.${TIME} < ${textLiteral(before.toISOString())}`] : []),
  ];
  return `from ${table} ${joins.join(' ')} where ${[conditions(request, tenantId), ...times].join(' and ')}
    order by ${table}.${TIME} ${direction}, ${table}.id ${direction}`;
}

/** The tenant always comes first. */
function conditions(
  { dataset, filters }: Pick<ExportRequest, 'dataset' | 'filters'>,
  tenantId: string,
): string {
  const { table } = dataset;
  const filtered = Object.entries(filters).map(([name, value]) => {
    const filter = dataset.filters[name];
    if (!filter) throw new Error(`the dataset ${dataset.name} has no filter ${name}`);
    return `${table}.${filter.column} ${filter.operator} ${filterLiteral(value)}`;
  });
  return [`${table}.tenant_id = ${textLiteral(tenantId)}`, ...filtered].join(' and ');
}

/** A text takes the type of the column that it is compared with. */
function filterLiteral(value: FilterValue): string {
  if (typeof value === 'number') return numberLiteral(value);
  return typeof value === 'string' ? textLiteral(value) : String(value);
}

/** The code points of = + - @ TAB CR: https://owasp.org/www-community/attacks/CSV_Injection */
const FORMULA_STARTS = '61, 43, 45, 64, 9, 13';

function cell({ type, sql, formula }: SelectedColumn, formulaGuard: boolean): string {
  if (type === 'timestamp') return timestampText(sql);
  // PostgreSQL's own text of a boolean is t or f.
  if (type === 'boolean') return `(${sql})::text`;
  if (!formula || !formulaGuard) return sql;
  return `case when ascii(${sql}) in (${FORMULA_STARTS}) then '''' || (${sql}) else ${sql} end`;
}
