/**
 * What a column of an export holds, whatever the format: CSV writes all of them as text, JSON keeps
 * numbers, booleans and structures, Parquet and XLSX have a type of their own for each.
 *
 * - `uuid` and `text`: text
 * - `integer`: 32 bits; `bigint`: 64 bits, exact, so past 2^53 it is no JavaScript number
 * - `double`: a binary floating-point number
 * - `timestamp`: an instant, in UTC with milliseconds
 * - `json`: an object or an array
 */
export type ColumnType = 'text' | 'uuid' | 'integer' | 'bigint' | 'double' | 'boolean' | 'timestamp' | 'json';

/** One column of an export: the dotted name of its field, such as `attempts.made`, and what it holds. */
export interface ExportColumn {
  readonly name: string;
  readonly type: ColumnType;
}
