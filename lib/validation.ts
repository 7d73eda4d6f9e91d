import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { type FieldError, Problem } from './errors.js';

// Ajv's own optimizing of what it writes is a third of the time to write it, and V8 does as well.
const shared = {
  allErrors: true,
  verbose: true,
  useDefaults: true,
  removeAdditional: false,
  code: { optimize: false },
} as const;

// JSON bodies mean what they say: "512" is not a width. Query strings and paths have only text.
const ajvByMode = {
  strict: new Ajv({ ...shared, coerceTypes: false }),
  // Not strict about numbers: "Infinity" becomes one, and bounds would not be looked at.
  coercing: new Ajv({ ...shared, coerceTypes: 'array', strictNumbers: false }),
};
for (const ajv of Object.values(ajvByMode)) addFormats.default(ajv);

/** Checks a value, and fills in the defaults of its schema. What it found last stands in `errors`. */
export interface Validator<T = unknown> {
  (value: unknown): value is T;
  errors?: ErrorObject[] | null;
}

/**
 * A validator for a JSON Schema: `strict` for bodies, `coercing` for query strings and path parameters.
 * The schema is compiled when it is first used: compiling all of them is a good part of a start.
 */
export function compileSchema<T = unknown>(schema: object, mode: keyof typeof ajvByMode): Validator<T> {
  let compiled: ValidateFunction<T> | undefined;
  const validate: Validator<T> = (value): value is T => {
    compiled ??= ajvByMode[mode].compile<T>(schema);
    const valid = compiled(value);
    validate.errors = compiled.errors ?? null;
    return valid;
  };
  return validate;
}

/**
 * Checks a value that did not come through a route's schema (a form field, a flat query).
 *
 * @param path where the value stands in the request, the prefix of each error's path
 * @returns the value, now of the schema's type, with its defaults filled in
 * @throws Problem VALIDATION_FAILED with one error a field
 */
export function assertValid<T>(validate: Validator<T>, value: unknown, path: string): T {
  if (validate(value)) return value;
  throw validationProblem(validate.errors ?? [], path);
}

/** The 400 for a list of Ajv errors; `path` is the part of the request they are in. */
export function validationProblem(errors: readonly ErrorObject[], path: string): Problem {
  const fields = uniqueByPath(
    errors.filter((error) => !isWrapper(error)).map((error) => toFieldError(error, path)),
  );
  const [first] = fields;
  const detail = first ? `${first.path} ${first.message}` : 'The request has invalid values.';
  return new Problem('VALIDATION_FAILED', detail, { errors: fields });
}

/** `anyOf` and its kind only repeat that one of their branches failed. */
function isWrapper(error: ErrorObject): boolean {
  return error.keyword === 'if';
}

function uniqueByPath(fields: readonly FieldError[]): FieldError[] {
  return [...new Map(fields.map((field) => [`${field.path} ${field.message}`, field])).values()];
}

function toFieldError(error: ErrorObject, root: string): FieldError {
  const path = [root, ...error.instancePath.split('/').slice(1).map(unescapePointer)]
    .filter(Boolean)
    .join('.');
  const param = (name: string): unknown => (error.params as Record<string, unknown>)[name];
  switch (error.keyword) {
    case 'additionalProperties':
      return {
        path: join(path, String(param('additionalProperty'))),
        message: `is not known here; known are ${knownProperties(error)}`,
      };
    case 'required':
      return { path: join(path, String(param('missingProperty'))), message: 'is missing' };
    case 'enum':
      return {
        path,
        message: `is ${show(error.data)}; it takes one of ${listValues(param('allowedValues'))}`,
      };
    case 'const':
      return { path, message: `is ${show(error.data)}; it takes ${show(param('allowedValue'))}` };
    default:
      return { path, message: `is ${show(error.data)}; it ${error.message ?? 'is invalid'}` };
  }
}

function knownProperties(error: ErrorObject): string {
  const properties = error.parentSchema?.['properties'];
  return typeof properties === 'object' && properties !== null ? Object.keys(properties).join(', ') : 'none';
}

function listValues(values: unknown): string {
  return Array.isArray(values) ? values.map(show).join(', ') : show(values);
}

/** A value as it may be shown to a client: JSON, cut short. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function unescapePointer(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
