import type { Asked } from '../helpers/contract.js';
import { type Random, seeded } from './random.js';

/** A part of a JSON Schema, as the OpenAPI document has it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: string;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}

/** What requests are made from. */
export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A request that somebody might send. */
export interface GeneratedRequest {
  readonly path: string;
  readonly asked: Asked;
}

const MOST_DEPTH = 5;
const odd: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '😀',
  "'; drop table jobs; --",
  '../../etc/passwd',
  '%00',
  'x'.repeat(3000),
  [],
  [[]],
  {},
  { __proto__: null, constructor: 1 },
  '2026-02-30T25:61:61Z',
  'NaN',
  'Infinity',
];

/**
 * Makes requests from a document: most of them nearly right, each with something odd now and then; the same
 * ones for the same seed. Streams without an end are left out.
 *
 * @param ids of things that are there, so that not every path leads nowhere
 */
export function* generatedRequests(
  document: Document,
  seed: string,
  ids: readonly string[],
): Generator<GeneratedRequest> {
  const random = seeded('requests', seed);
  const operations = Object.entries(document.paths)
    .filter(([path]) => !path.endsWith('/events'))
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
  for (;;) {
    const { path, method, operation } = pick(random, operations);
    const make = new Maker(random, document, ids);
    const query = new URLSearchParams();
    for (const parameter of operation.parameters ?? []) {
      if (parameter.in === 'query' && random(4) === 0)
        query.append(parameter.name, text(make.value(parameter.schema)));
    }
    if (random(20) === 0) query.append(text(pick(random, odd)), 'x');
    const filled = path.replaceAll(/\{[^}]+\}/g, () => encodeURIComponent(wellFormed(make.id())));
    const target = query.size > 0 ? `${filled}?${query}` : filled;
    yield { path: target, asked: { method: method.toUpperCase(), ...make.body(method, operation) } };
  }
}

class Maker {
  readonly #random: Random;
  readonly #document: Document;
  readonly #ids: readonly string[];

  constructor(random: Random, document: Document, ids: readonly string[]) {
    this.#random = random;
    this.#document = document;
    this.#ids = ids;
  }

  id(): string {
    return this.#random(4) > 0 ? pick(this.#random, this.#ids) : text(pick(this.#random, odd)) || 'x';
  }

  /** A value of a schema, or now and then one of none. */
  value(schema: Schema | undefined, depth = 0): unknown {
    const random = this.#random;
    if (schema === undefined || random(24) === 0 || depth > MOST_DEPTH) return pick(random, odd);
    if (schema.$ref !== undefined) {
      return this.value(this.#document.components.schemas[schema.$ref.split('/').at(-1) ?? ''], depth + 1);
    }
    if (schema.enum) return pick(random, schema.enum);
    if (schema.anyOf) return this.value(pick(random, schema.anyOf), depth);
    const type = Array.isArray(schema.type) ? pick(random, schema.type) : schema.type;
    if (type === 'object') return this.#object(schema, depth);
    if (type === 'array') return Array.from({ length: random(3) }, () => this.value(schema.items, depth + 1));
    if (type === 'integer' || type === 'number')
      return (schema.minimum ?? 0) + random(schema.maximum ?? 1000);
    if (type === 'boolean') return random(2) === 0;
    if (type === 'null') return null;
    if (schema.format === 'date-time') return '2026-01-02T03:04:05.678Z';
    return schema.format === 'uuid' ? this.id() : pick(random, ['a', 'thumbnail', 'id', '0 3 * * *', 'acme']);
  }

  body(method: string, { requestBody }: Operation): Asked {
    const random = this.#random;
    if (method === 'get' || method === 'head' || !requestBody || random(20) === 0) return {};
    const types = Object.entries(requestBody.content);
    const [type, { schema }] = pick(random, types);
    if (type === 'application/json') return { json: this.value(schema) };
    if (type === 'multipart/form-data') return { body: this.#form(schema) };
    const bytes = new Uint8Array(random(300)).map(() => random(256));
    return { body: bytes, headers: { 'content-type': type.replace('*', 'png') } };
  }

  #object({ properties = {}, required = [] }: Schema, depth: number): object {
    const random = this.#random;
    const names = Object.keys(properties).filter((name) => random(3) === 0 || required.includes(name));
    const entries = names
      .filter(() => random(20) > 0)
      .map((name) => [name, this.value(properties[name], depth + 1)] as const);
    return Object.fromEntries(random(20) === 0 ? [...entries, ['surplus', 1]] : entries);
  }

  #form(schema: Schema | undefined): FormData {
    const form = new FormData();
    for (const [name, value] of Object.entries(this.#object(schema ?? {}, 0))) {
      if (name === 'file') form.append(name, new Blob([text(value)]), text(pick(this.#random, odd)));
      else form.append(name, text(value));
    }
    return form;
  }
}

function text(value: unknown): string {
  return wellFormed(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
}

/** What cannot be sent as UTF-8 is replaced, as every client would. */
function wellFormed(value: string): string {
  return Buffer.from(value).toString();
}

function pick<T>(random: Random, from: readonly T[]): T {
  const picked = from[random(from.length)];
  if (picked === undefined) throw new Error('there is nothing to pick from');
  return picked;
}
