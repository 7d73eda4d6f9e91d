import type { ExportColumn } from '../lists/column.js';
import type { ExportField, ExportRows, ExportValue } from '../lists/field.js';
import type { FieldTree } from '../lists/fields.js';
import type { ExportedDataset } from '../lists/list.js';
import { pickedJson, valueInJson } from './json-path.js';
import { identifier } from './literal.js';

/** One column of an export and the SQL expression behind it. */
export interface SelectedColumn extends ExportColumn {
  readonly sql: string;
  /** Whether a cell of it can look like a formula to a spreadsheet. */
  readonly formula: boolean;
}

/** A value of a JSON row: the expression is of the SQL type that `row_to_json` writes as the API does. */
export interface SelectedMember {
  readonly name: string;
  readonly sql: string;
}

/** What an export reads: the values, and the related rows that they need. */
export interface Selection<Part> {
  readonly parts: readonly Part[];
  /** `cross join lateral …` for related rows: one statement, however many fields. */
  readonly joins: readonly string[];
}

/**
 * The columns of a flat export (CSV, Parquet, XLSX): one a leaf, objects taken apart into dotted names.
 * A field of related rows, or of an array, is one column that holds a JSON array.
 *
 * @param names as they were asked, in that order, and known to be of the dataset
 */
export function selectColumns(dataset: ExportedDataset, names: readonly string[]): Selection<SelectedColumn> {
  const joins: string[] = [];
  const columns = new Map<string, SelectedColumn>();
  const add = (name: string, { type, sql, plain }: Pick<ExportValue, 'type' | 'sql' | 'plain'>): void =>
    void columns.set(name, { name, type, sql, formula: type === 'text' && !plain });
  for (const name of names) {
    const [top = '', ...path] = name.split('.');
    const field = fieldOf(dataset, top);
    if (field.kind === 'value') {
      add(name, path.length === 0 ? field : valueInJson(field.sql, dataset.schema, top, path));
    } else if (field.kind === 'object') {
      for (const [member, each] of Object.entries(field.values)) {
        if (path.length === 0 || path[0] === member) add(`${top}.${member}`, each);
      }
    } else {
      const alias = identifier(`${name} rows`);
      joins.push(lateral(field, path.length === 0 ? true : { [path[0] ?? '']: true }, alias, path[0]));
      add(name, { type: 'json', sql: `${alias}.value`, plain: false });
    }
  }
  return { parts: [...columns.values()], joins };
}

/**
 * The members of a JSON row (NDJSON, JSON): nested, and value for value what the list of the resource
 * shows for the same fields.
 */
export function selectMembers(dataset: ExportedDataset, fields: FieldTree): Selection<SelectedMember> {
  const joins: string[] = [];
  const members = Object.entries(fields).map(([name, tree]) => {
    const field = fieldOf(dataset, name);
    if (field.kind === 'value') return { name, sql: jsonOf(field, tree) };
    if (field.kind === 'object') {
      const chosen = entriesIn(field.values, tree).map(([member, each]) => `'${member}', ${jsonOf(each)}`);
      const built = `json_build_object(${chosen.join(', ')})`;
      return { name, sql: field.omitsNull ? `json_strip_nulls(${built})` : built };
    }
    const alias = identifier(`${name} rows`);
    joins.push(lateral(field, tree, alias));
    return { name, sql: `${alias}.value` };
  });
  return { parts: members, joins };
}

/**
 * A time as the API shows it: UTC with milliseconds. For a session whose time zone is UTC.
 */
export function timestampText(sql: string): string {
  return `to_char(${sql}, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/**
 * Related rows as one JSON array. Not `json_agg`: it writes raw newlines, and a newline ends a row of NDJSON.
 *
 * @param single a member: the array holds its values and no objects
 */
function lateral(related: ExportRows, tree: true | FieldTree, alias: string, single?: string): string {
  const chosen = entriesIn(related.values, tree).map(
    ([name, each]) => `${jsonOf(each, tree === true ? true : (tree[name] ?? true))} as ${identifier(name)}`,
  );
  const element = single === undefined ? 'row_to_json(r)' : `r.${identifier(single)}`;
  return `cross join lateral (
    select coalesce(array_to_json(array_agg(${element})), '[]') as value
    from (select ${chosen.join(', ')} from ${related.from} order by ${related.orderBy}) r) ${alias}`;
}

function entriesIn(
  values: Readonly<Record<string, ExportValue>>,
  tree: true | FieldTree,
): [string, ExportValue][] {
  return Object.entries(values).filter(([name]) => tree === true || Object.hasOwn(tree, name));
}

/** A value as `row_to_json` should find it; the parts of a JSON column that were asked for. */
function jsonOf({ type, sql }: ExportValue, tree: true | FieldTree = true): string {
  if (type === 'timestamp') return timestampText(sql);
  return tree === true ? sql : pickedJson(sql, tree);
}

function fieldOf(dataset: ExportedDataset, name: string): ExportField {
  const field = Object.hasOwn(dataset.fields, name) ? dataset.fields[name] : undefined;
  if (!field) throw new Error(`the dataset ${dataset.name} does not say how ${name} is read`);
  return field;
}
