import type { ColumnType } from './column.js';

/** One value of a row: a column, or what is computed from columns. */
export interface ExportValue {
  readonly kind: 'value';
  readonly type: ColumnType;
  /** The SQL expression, of the column's own SQL type: formats write it their way. */
  readonly sql: string;
  /** A text that the service makes and that never looks like a formula: a media type, a hash, a state. */
  readonly plain: boolean;
}

/** Values that the API shows as one object, such as `attempts` or `links`. */
export interface ExportObject {
  readonly kind: 'object';
  readonly values: Readonly<Record<string, ExportValue>>;
  /** Whether a member that is null is left out, as the API does with links that lead nowhere. */
  readonly omitsNull: boolean;
}

/** Rows of another table that belong to this one, such as the renditions of an image. */
export interface ExportRows {
  readonly kind: 'rows';
  /** Which rows: what stands after `from`, up to its conditions. */
  readonly from: string;
  readonly orderBy: string;
  readonly values: Readonly<Record<string, ExportValue>>;
}

/** A top-level field of a resource, as exports read it. */
export type ExportField = ExportValue | ExportObject | ExportRows;

/** A value. Text may hold anything; see {@link plainText} for what may not. */
export function value(type: ColumnType, sql: string): ExportValue {
  return { kind: 'value', type, sql, plain: false };
}

/** A text of the service's own making, which spreadsheets never take for a formula. */
export function plainText(sql: string): ExportValue {
  return { kind: 'value', type: 'text', sql, plain: true };
}

/**
 * A path of the API, such as where an image is read.
 *
 * @param path builds it from ids, as `lib/paths.ts` does
 * @param ids the SQL expressions of those ids
 */
export function pathOf<Ids extends string[]>(path: (...ids: Ids) => string, ...ids: Ids): ExportValue;
export function pathOf(path: (...ids: string[]) => string, ...ids: string[]): ExportValue {
  return plainText(`'${path(...ids.map((id) => `' || (${id}) || '`))}'`);
}

/** Values that make up one object. */
export function object(
  values: Readonly<Record<string, ExportValue>>,
  { omitsNull = false } = {},
): ExportObject {
  return { kind: 'object', values, omitsNull };
}

/** Related rows. */
export function rows(related: Omit<ExportRows, 'kind'>): ExportRows {
  return { kind: 'rows', ...related };
}
