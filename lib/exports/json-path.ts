import type { TObject, TSchema } from 'typebox';
import type { ColumnType } from '../lists/column.js';
import type { ExportValue } from '../lists/field.js';
import type { FieldTree } from '../lists/fields.js';
import { textLiteral } from './literal.js';

/**
 * The asked parts of a jsonb value, through objects and arrays: in SQL what `pickFields` of the lists
 * does in JavaScript.
 *
 * @param sql an expression of type jsonb
 */
export function pickedJson(sql: string, tree: FieldTree, depth = 0): string {
  const [member, element] = [`m${depth}`, `e${depth}`];
  const names = Object.keys(tree).map(textLiteral).join(', ');
  const parts = Object.entries(tree).map(([name, inner]) => {
    const value = inner === true ? `${member}.value` : pickedJson(`${member}.value`, inner, depth + 1);
    return `when ${textLiteral(name)} then ${value}`;
  });
  const picked = (from: string): string => `(
    select coalesce(jsonb_object_agg(${member}.key, case ${member}.key ${parts.join(' ')} end), '{}')
    from jsonb_each(${from}) ${member} where ${member}.key in (${names}))`;
  return `case jsonb_typeof(${sql})
    when 'object' then ${picked(sql)}
    when 'array' then (
      select coalesce(jsonb_agg(
        case jsonb_typeof(${element}.value) when 'object' then ${picked(`${element}.value`)} else ${element}.value end
        order by ${element}.place), '[]')
      from jsonb_array_elements(${sql}) with ordinality ${element}(value, place))
    else ${sql} end`;
}

/**
 * One part of a jsonb column as a cell: text and numbers as they are, objects as JSON. Where the path
 * leads through an array, all its values as a JSON array.
 *
 * @param schema of the resource, which says what stands at the end of the path
 */
export function valueInJson(
  sql: string,
  schema: TObject,
  field: string,
  path: readonly string[],
): Pick<ExportValue, 'type' | 'sql' | 'plain'> {
  let at = schema.properties[field];
  let steps = '$';
  let throughArray = false;
  for (const name of path) {
    const [inner, isArray] = objectIn(at);
    throughArray ||= isArray;
    steps += `${isArray ? '[*]' : ''}.${JSON.stringify(name)}`;
    at = inner?.properties[name];
  }
  if (throughArray) {
    return { type: 'json', sql: `jsonb_path_query_array(${sql}, ${textLiteral(steps)})`, plain: false };
  }
  const type = typeOf(at);
  const keys = `array[${path.map(textLiteral).join(', ')}]`;
  return { type, sql: `${sql} ${type === 'json' ? '#>' : '#>>'} ${keys}`, plain: false };
}

/** The object behind a property, and whether an array stands before it. */
function objectIn(schema: TSchema | undefined): [TObject | undefined, boolean] {
  for (const branch of branchesOf(schema)) {
    if (isObject(branch)) return [branch, false];
    if ('items' in branch && isSchema(branch.items)) return [objectIn(branch.items)[0], true];
  }
  return [undefined, false];
}

function typeOf(schema: TSchema | undefined): ColumnType {
  for (const branch of branchesOf(schema)) {
    if (!('type' in branch)) continue;
    if (branch.type === 'integer') return 'bigint';
    if (branch.type === 'number') return 'double';
    if (branch.type === 'boolean') return 'boolean';
    if (branch.type === 'string') return 'format' in branch && branch.format === 'uuid' ? 'uuid' : 'text';
  }
  return 'json';
}

/** The sides of a union, or the schema itself. */
function branchesOf(schema: TSchema | undefined): TSchema[] {
  if (!schema) return [];
  return 'anyOf' in schema && Array.isArray(schema.anyOf) ? schema.anyOf.filter(isSchema) : [schema];
}

function isSchema(value: unknown): value is TSchema {
  return typeof value === 'object' && value !== null;
}

function isObject(schema: TSchema): schema is TObject {
  return 'type' in schema && schema.type === 'object' && 'properties' in schema;
}
