import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

/** An answer that has been checked against the OpenAPI document. */
export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The JSON of the body; undefined where there is none. */
  readonly body: Body;
}

/** What a request may have, as for fetch. */
export interface Asked extends Omit<RequestInit, 'headers'> {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
}

/** Sends a request, and throws a {@link ContractError} for an answer that the document does not describe. */
export type Api = <Body = unknown>(path: string, asked?: Asked) => Promise<Answer<Body>>;

/** An answer that is not as the contract says. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}

interface Response {
  readonly content?: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Pages for people and operators, which the document leaves out. */
const UNDOCUMENTED = /^\/(docs|openapi\.json|metrics)(\/|$)/;
const ID = 'openapi.json';

/** Reads a running server's OpenAPI document and makes the client that checks every answer against it. */
export async function openApi(url: string): Promise<Api> {
  const check = checker(await (await fetch(`${url}/openapi.json`)).text());
  return async <Body>(path: string, { json, headers, ...asked }: Asked = {}): Promise<Answer<Body>> => {
    const method = asked.method ?? 'GET';
    const response = await fetch(new URL(path, url), {
      ...asked,
      headers: { ...headers, ...(json !== undefined && { 'content-type': 'application/json' }) },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const type = response.headers.get('content-type')?.split(';', 1)[0];
    // What it is, the document says and `check` verifies: to the test it is what it asks for.
    const body: Body =
      bytes.length > 0 && /^application\/(problem\+)?json$/.test(type ?? '')
        ? JSON.parse(String(bytes))
        : undefined;
    const answer = { status: response.status, headers: response.headers, bytes, body };
    const fault = faultOf(check, method, new URL(path, url).pathname, answer, type);
    if (fault !== undefined) {
      throw new ContractError(
        `${method} ${path} → ${answer.status}: ${fault}\n${String(bytes.subarray(0, 500))}`,
      );
    }
    return answer;
  };
}

type Check = (method: string, path: string, answer: Answer, type: string | undefined) => string | undefined;

/** What is wrong with an answer, or undefined. */
function faultOf(
  check: Check,
  method: string,
  path: string,
  answer: Answer,
  type: string | undefined,
): string | undefined {
  const missing = ['x-request-id', 'server-timing', 'x-content-type-options'].find(
    (name) => !answer.headers.has(name),
  );
  if (missing) return `has no ${missing}`;
  return UNDOCUMENTED.test(path) ? undefined : check(method, path, answer, type);
}

// To make what checks answers takes longer than most tests do, and services have the same document.
const checkers = new Map<string, Check>();

/** @param text an OpenAPI document */
function checker(text: string): Check {
  const check = checkers.get(text) ?? makeChecker(JSON.parse(text));
  checkers.set(text, check);
  return check;
}

function makeChecker(document: Document): Check {
  // Half of a validator's time is that of making it, and a third of that would be to optimize it.
  const ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    validateSchema: false,
    code: { optimize: false },
  });
  addFormats.default(ajv);
  ajv.addSchema(closed(document), ID);
  const validators = new Map<string, ValidateFunction>();
  const validator = (...pointer: string[]): ValidateFunction => {
    const ref = `${ID}#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    const compiled = validators.get(ref) ?? ajv.compile({ $ref: ref });
    validators.set(ref, compiled);
    return compiled;
  };
  const faultIn = (validate: ValidateFunction, body: unknown): string | undefined =>
    validate(body) ? undefined : ajv.errorsText(validate.errors);

  return (method, path, { status, headers, bytes, body }, type) => {
    const isHead = method === 'HEAD';
    const template = templateOf(document, path);
    const operations = template === undefined ? {} : document.paths[template];
    // The framework answers HEAD wherever there is GET.
    const verb = isHead && !operations?.['head'] ? 'get' : method.toLowerCase();
    const operation = operations?.[verb];
    if (status >= 400) {
      if (!operation && status !== 404 && status !== 405 && status !== 503)
        return 'the operation is not documented';
      if (headers.get('cache-control') !== 'no-store') return 'an error can be stored';
      if (isHead) return undefined;
      // readyz says in its own words why it is not ready.
      if (type === 'application/problem+json') {
        const fault = faultIn(validator('components', 'schemas', 'Problem'), body);
        return fault ?? faultOfProblem(body, status, headers);
      }
    }
    if (!template || !operation) return 'the operation is not documented';
    const key = String(status) in operation.responses ? String(status) : `${Math.floor(status / 100)}XX`;
    const documented = operation.responses[key];
    if (!documented) return 'the status is not documented';
    if (isHead) return bytes.length === 0 ? undefined : 'HEAD has a body';
    const types = Object.keys(documented.content ?? {});
    if (types.length === 0) return bytes.length === 0 ? undefined : 'a body where none is documented';
    if (types.includes('*/*')) return type === undefined ? 'has no content type' : undefined;
    if (type === undefined || !types.includes(type)) return `is ${type}, documented are ${types.join(', ')}`;
    return faultIn(validator('paths', template, verb, 'responses', key, 'content', type, 'schema'), body);
  };
}

/** What JSON Schema cannot say of a problem: it repeats what the answer's head says. */
function faultOfProblem(body: unknown, status: number, headers: Headers): string | undefined {
  if (typeof body !== 'object' || body === null) return 'the problem is no object';
  const problem: { status?: unknown; instance?: unknown; type?: unknown; code?: unknown } = body;
  if (problem.status !== status) return 'the problem has another status';
  if (problem.instance !== headers.get('x-request-id')) return 'instance is not the request id';
  return problem.type === `/problems/${problem.code}` ? undefined : 'type does not lead to the code';
}

/** The path template that a path is of; a literal one goes before one with parameters. */
function templateOf(document: Document, path: string): string | undefined {
  const given = path.replace(/(?<=.)\/$/, '').split('/');
  const fits = (template: string): boolean => {
    const parts = template.split('/');
    return (
      parts.length === given.length && parts.every((part, i) => part.startsWith('{') || part === given[i])
    );
  };
  return Object.keys(document.paths)
    .filter(fits)
    .sort((a, b) => a.split('{').length - b.split('{').length)[0];
}

/** The same document with every object closed: what is not documented is not to be sent. */
function closed<T>(schema: T): T;
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([name, inner]) => [name, closed(inner)]));
  const isObject = schema !== null && 'type' in schema && schema.type === 'object' && 'properties' in schema;
  return isObject && !('additionalProperties' in schema) ? { ...copy, additionalProperties: false } : copy;
}
