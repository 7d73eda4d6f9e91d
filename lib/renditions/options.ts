import type { ErrorObject } from 'ajv';
import { invalidField, Problem } from '../errors.js';
import { compileSchema, show, validationProblem } from '../validation.js';
import { combinationErrors } from './combinations.js';
import { type RenditionOptions, RenditionOptionsSchema } from './options-schema.js';

const validators = {
  strict: compileSchema(RenditionOptionsSchema, 'strict'),
  coercing: compileSchema(RenditionOptionsSchema, 'coercing'),
};

/**
 * Checks one rendition's options that came as JSON.
 *
 * @param path where they stand in the request, such as `renditions.0`
 * @throws Problem VALIDATION_FAILED with an error for each field: its path, what it got, what it takes
 */
export function parseRenditionOptions(value: unknown, path: string): RenditionOptions {
  return parse(value, path, 'strict');
}

/**
 * Checks one rendition's options spelled flat in a query string. Text becomes numbers and booleans;
 * `crop`, `trim` and `sharpen` come as dotted names (`crop.left=1`) or as JSON text.
 *
 * @param query the names of one rendition's options and no others
 * @throws Problem VALIDATION_FAILED with an error for each field
 */
export function parseRenditionQuery(
  query: Readonly<Record<string, unknown>>,
  path: string,
): RenditionOptions {
  return parse(unflatten(query, path), path, 'coercing');
}

function parse(value: unknown, path: string, mode: keyof typeof validators): RenditionOptions {
  if (!isRenditionOptions(value, mode))
    throw validationProblem(bestBranch(validators[mode].errors ?? []), path);
  const errors = combinationErrors(value, path);
  const [first] = errors;
  if (first) throw new Problem('VALIDATION_FAILED', `${first.path} ${first.message}`, { errors });
  return value;
}

function isRenditionOptions(value: unknown, mode: keyof typeof validators): value is RenditionOptions {
  return validators[mode](value);
}

/** Of a union's branches, only the one of the value's own type has something to say. */
function bestBranch(errors: readonly ErrorObject[]): ErrorObject[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf').map((error) => error.instancePath);
  const isNoise = (error: ErrorObject): boolean =>
    error.keyword === 'anyOf' ||
    (error.keyword === 'type' &&
      unions.includes(error.instancePath) &&
      errors.some(
        (other) =>
          !['type', 'anyOf'].includes(other.keyword) && other.instancePath.startsWith(error.instancePath),
      ));
  return errors.filter((error) => !isNoise(error));
}

/** Gathers dotted names into objects and reads objects that came as JSON text. */
function unflatten(query: Readonly<Record<string, unknown>>, path: string): Record<string, unknown> {
  const result = new Map<string, unknown>();
  for (const [name, value] of Object.entries(query)) {
    const dot = name.indexOf('.');
    if (dot === -1) {
      result.set(name, fromJsonText(value, join(path, name)));
    } else {
      const outer = name.slice(0, dot);
      const others = result.get(outer) ?? {};
      if (!isRecord(others)) throw invalidField(join(path, name), `clashes with ${outer}=${show(others)}`);
      result.set(outer, { ...others, [name.slice(dot + 1)]: value });
    }
  }
  return Object.fromEntries(result);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fromJsonText(value: unknown, path: string): unknown {
  if (typeof value !== 'string' || !value.startsWith('{')) return value;
  try {
    return JSON.parse(value);
  } catch {
    throw invalidField(path, `is ${show(value)}; it takes JSON, or dotted names such as ${path}.width=1`);
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
