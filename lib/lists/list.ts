import { type TObject, type TSchema, Type } from 'typebox';
import type { Database, Executor, Fragment } from '../database/client.js';
import { invalidField } from '../errors.js';
import type { ColumnType } from './column.js';
import { type Cursor, decodeCursor, encodeCursor } from './cursor.js';
import type { ExportField } from './field.js';
import { type FieldTree, parseFields } from './fields.js';

/** What every list's rows have: the key of their order. */
interface Listed {
  readonly id: string;
  readonly createdAt: Date;
}

/** A filter: rows whose column compares so with the value that the query gives. */
export interface Filter {
  /** As SQL names it. */
  readonly column: string;
  readonly type: ColumnType;
  readonly operator: keyof typeof operators;
  /** What the query may give, and what the documentation says of it. */
  readonly schema: TSchema;
}

/** One resource as lists and exports see it: the single definition behind both, and their documentation. */
export interface Dataset {
  /** The name in `fields[name]=` and in metrics. */
  readonly name: string;
  readonly table: string;
  /** The resource as the API shows it. */
  readonly schema: TObject;
  /** By query name. */
  readonly filters: Readonly<Record<string, Filter>>;
}

/** A resource that can be listed. */
export interface ListedDataset<Row extends Listed> extends Dataset {
  /** Top-level field → the columns (camelCase) it is made from. */
  readonly columns: Readonly<Record<string, readonly (keyof Row & string)[]>>;
  /** What its ids look like; unset: UUIDs. */
  readonly isId?: (text: string) => boolean;
}

/** A resource that can be exported. */
export interface ExportedDataset extends Dataset {
  /** Every field of the schema, as SQL. */
  readonly fields: Readonly<Record<string, ExportField>>;
  /** What an export holds when it is not told: the resource's own fields, without related rows and links. */
  readonly ownFields: readonly string[];
}

const operators = {
  '=': (sql: Executor) => sql`=`,
  '<': (sql: Executor) => sql`<`,
  '>': (sql: Executor) => sql`>`,
  '<=': (sql: Executor) => sql`<=`,
  '>=': (sql: Executor) => sql`>=`,
};

/** The filters of a dataset as a schema's optional properties. */
export function filterProperties(dataset: Dataset) {
  const entries = Object.entries(dataset.filters);
  return Object.fromEntries(entries.map(([name, { schema }]) => [name, Type.Optional(schema)]));
}

/** What a filter can be given, after the route's schema has checked it. */
export type FilterValue = string | number | boolean;

/** The query of a list route, after its schema. */
export interface ListQuery {
  readonly limit: number;
  readonly after?: string;
  readonly before?: string;
  readonly page?: number;
  readonly withTotal?: boolean;
  readonly fields?: string;
  readonly sort: 'createdAt' | '-createdAt';
  readonly [filter: string]: unknown;
}

/** Where a page of a list stands. Cursors for machines, page numbers for people. */
export type Pagination =
  | { limit: number; nextCursor: string | null; previousCursor: string | null; total?: number }
  | { page: number; limit: number; total: number; pages: number };

/** One page of rows, with only the columns that were asked for. */
export interface Listing<Row> {
  readonly rows: Row[];
  readonly pagination: Pagination;
  /** What was asked for; undefined = everything. */
  readonly fields: FieldTree | undefined;
}

/**
 * Reads one page of a tenant's rows.
 *
 * @param tenantId null: of all tenants, for operators
 * @param scope further conditions that the route sets, such as the image whose renditions are listed
 * @throws Problem CURSOR_INVALID, FIELD_UNKNOWN or VALIDATION_FAILED (400) for what the schema cannot see
 */
export async function listRows<Row extends Listed>(
  database: Database,
  dataset: ListedDataset<Row>,
  tenantId: string | null,
  query: ListQuery,
  scope: (sql: Executor) => Fragment[] = () => [],
): Promise<Listing<Row>> {
  const named = [query.after !== undefined, query.before !== undefined, query.page !== undefined];
  if (named.filter(Boolean).length > 1)
    throw invalidField('query', 'has more than one of after, before and page; it takes one');
  const asked = fieldsIn(query, dataset);
  const fields = asked && parseFields(asked.text, dataset.schema, asked.path);
  const columns = columnsOf(dataset, fields);
  const where = (sql: Executor): Fragment[] => [
    tenantId === null ? sql`true` : sql`tenant_id = ${tenantId}`,
    ...scope(sql),
    ...filterConditions(sql, dataset, query),
  ];
  const count = () =>
    database.query(`${dataset.name}.count`, async (sql) => {
      const [row] = await sql<{ total: number }[]>`
        select count(*) as total from ${sql(dataset.table)} where ${all(sql, where(sql))}`;
      return row?.total ?? 0;
    });
  const read = (page: { backwards: boolean; from: Cursor | undefined; limit: number; offset: number }) =>
    database.query(`${dataset.name}.list`, async (sql) => {
      const descending = (query.sort === '-createdAt') !== page.backwards;
      const direction = descending ? sql`desc` : sql`asc`;
      const { from } = page;
      const beyond = from
        ? [sql`(created_at, id) ${descending ? sql`<` : sql`>`} (${from.createdAt}, ${from.id})`]
        : [];
      const rows = await sql<Row[]>`
        select ${sql(columns)} from ${sql(dataset.table)} where ${all(sql, [...where(sql), ...beyond])}
        order by created_at ${direction}, id ${direction} limit ${page.limit} offset ${page.offset}`;
      return page.backwards ? [...rows].reverse() : [...rows];
    });

  if (query.page !== undefined) {
    const offset = (query.page - 1) * query.limit;
    const [rows, total] = await Promise.all([
      read({ backwards: false, from: undefined, limit: query.limit, offset }),
      count(),
    ]);
    const pages = Math.ceil(total / query.limit);
    return { rows, fields, pagination: { page: query.page, limit: query.limit, total, pages } };
  }
  const backwards = query.before !== undefined;
  const given = query.before ?? query.after;
  const from =
    given === undefined ? undefined : decodeCursor(given, backwards ? 'before' : 'after', dataset.isId);
  // One row more than asked tells whether the list goes on.
  const [found, total] = await Promise.all([
    read({ backwards, from, limit: query.limit + 1, offset: 0 }),
    query.withTotal ? count() : undefined,
  ]);
  const more = found.length > query.limit;
  const rows = backwards ? found.slice(more ? 1 : 0) : found.slice(0, query.limit);
  const [next, previous] = backwards ? [true, more] : [more, given !== undefined];
  return {
    rows,
    fields,
    pagination: {
      limit: query.limit,
      nextCursor: next ? cursorAt(rows.at(-1), given) : null,
      previousCursor: previous ? cursorAt(rows[0], given) : null,
      ...(total !== undefined && { total }),
    },
  };
}

/** Where a page ends; an empty page stays where it was asked from, so that a client is never stranded. */
function cursorAt(row: Listed | undefined, given: string | undefined): string | null {
  return row ? encodeCursor(row) : (given ?? null);
}

/**
 * `fields=` or JSON:API's `fields[name]=`.
 *
 * @returns which of the two a query has, and its text; undefined where it has neither
 */
export function fieldsIn(
  query: { readonly fields?: unknown; readonly [name: string]: unknown },
  dataset: Dataset,
): { path: string; text: string } | undefined {
  const sparse = `fields[${dataset.name}]`;
  const [path, text] = query.fields === undefined ? [sparse, query[sparse]] : ['fields', query.fields];
  return typeof text === 'string' ? { path, text } : undefined;
}

/** The columns behind the asked fields; the key of the order always, because cursors are made of it. */
function columnsOf<Row extends Listed>(dataset: ListedDataset<Row>, fields: FieldTree | undefined): string[] {
  const names = Object.keys(dataset.columns).filter(
    (name) => fields === undefined || Object.hasOwn(fields, name),
  );
  return [...new Set(['id', 'createdAt', ...names.flatMap((name) => dataset.columns[name] ?? [])])];
}

/** The filters that a query has, as conditions on the dataset's table. */
export function filterConditions(
  sql: Executor,
  dataset: Dataset,
  query: Readonly<Record<string, unknown>>,
): Fragment[] {
  return Object.entries(dataset.filters).flatMap(([name, { column, operator, type }]) => {
    const value = query[name];
    if (!isFilterValue(value)) return [];
    // Whatever the column holds: a number that is too large for it is larger than all of it.
    const operand = type === 'integer' ? sql`${value}::bigint` : sql`${value}`;
    return [sql`${sql(column)} ${operators[operator](sql)} ${operand}`];
  });
}

/** Conditions that must all hold; at least one. */
export function all(sql: Executor, conditions: Fragment[]): Fragment[] {
  return conditions.map((condition, index) => (index === 0 ? condition : sql`and ${condition}`));
}

/** Whether a value of a query can be compared with a column. */
export function isFilterValue(value: unknown): value is FilterValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
