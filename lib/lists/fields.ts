import type { TObject, TSchema } from 'typebox';
import { Problem } from '../errors.js';

/** The fields a client asked for, as a tree: `{ id: true, renditions: { url: true } }`. */
export interface FieldTree {
  readonly [name: string]: true | FieldTree;
}

/**
 * Reads a list of dotted field names such as `id,filename,renditions.url`.
 *
 * @param schema of the resource; its properties are the known fields
 * @param path the query field the text came in, for the error
 * @throws Problem FIELD_UNKNOWN (400) that names the unknown field and lists the known ones
 */
export function parseFields(text: string, schema: TObject, path: string): FieldTree {
  const known = new Set(fieldPaths(schema));
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    const message = `names ${unknown.map((name) => JSON.stringify(name)).join(', ')}; known are ${[...known].join(', ')}`;
    throw new Problem('FIELD_UNKNOWN', `${path} ${message}`, { errors: [{ path, message }] });
  }
  const tree: Record<string, true | FieldTree> = {};
  for (const name of names) addPath(tree, name.split('.'));
  return tree;
}

/** Every dotted name that `fields` may hold for a resource. */
export function fieldPaths(schema: TObject): string[] {
  return Object.entries(schema.properties).flatMap(([name, property]) => {
    const inner = objectIn(property);
    return inner ? [name, ...fieldPaths(inner).map((path) => `${name}.${path}`)] : [name];
  });
}

/** Keeps the asked fields of a value, through objects and arrays. */
export function pickFields(value: unknown, tree: FieldTree): unknown {
  if (Array.isArray(value)) return value.map((item) => pickFields(item, tree));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).flatMap(([name, inner]) => {
    const wanted = Object.hasOwn(tree, name) ? tree[name] : undefined;
    if (wanted === undefined) return [];
    return [[name, wanted === true ? inner : pickFields(inner, wanted)]];
  });
  return Object.fromEntries(entries);
}

/** A whole field wins over its parts: `links,links.self` is `links`. */
function addPath(tree: Record<string, true | FieldTree>, [name = '', ...rest]: string[]): void {
  const present = tree[name];
  if (rest.length === 0) tree[name] = true;
  else if (present !== true) {
    const branch = { ...present };
    addPath(branch, rest);
    tree[name] = branch;
  }
}

/** The object behind a property: itself, an array's items, or the non-null side of a union. */
function objectIn(schema: TSchema): TObject | undefined {
  if (isObject(schema)) return schema;
  const branches = [
    ...('items' in schema && typeof schema.items === 'object' ? [schema.items] : []),
    ...('anyOf' in schema && Array.isArray(schema.anyOf) ? schema.anyOf : []),
  ];
  return branches.map((branch) => objectIn(branch as TSchema)).find((found) => found !== undefined);
}

function isObject(schema: TSchema): schema is TObject {
  return 'type' in schema && schema.type === 'object' && 'properties' in schema;
}
