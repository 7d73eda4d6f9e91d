import '@fastify/multipart';
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { invalidField, Problem } from '../../lib/errors.js';
import type { Wanted } from '../../lib/images/create-image.js';
import type { ImageMetadata } from '../../lib/images/image.js';
import { parseJson, parseMetadata } from '../../lib/images/metadata.js';
import type { ReceivedImage } from '../../lib/images/receive.js';
import { type Priority, priorities } from '../../lib/jobs/job.js';
import { parseRunAt } from '../../lib/jobs/run-at.js';
import { parseRenditionOptions, parseRenditionQuery } from '../../lib/renditions/options.js';
import type { WantedRendition } from '../../lib/renditions/plan.js';

/** An upload, read: the file on disk, and what was said beside it. */
export interface Upload {
  readonly received: ReceivedImage;
  readonly filename: string | undefined;
  readonly metadata: ImageMetadata;
  readonly wanted: Wanted;
}

/** Takes the bytes of an upload to a temporary file. */
export type Receive = (source: Readable) => Promise<ReceivedImage>;

/** Most renditions in one request. */
export const MAX_RENDITIONS = 50;

/** What stands beside the file: form fields, query names, or a tus upload's metadata. */
export interface Fields extends Readonly<Partial<Record<SingleField, string | undefined>>> {
  readonly presets: readonly string[];
  /** One rendition's options spelled flat. */
  readonly flat: Readonly<Record<string, unknown>>;
}

const SINGLE_FIELDS = ['renditions', 'metadata', 'priority', 'runAt'] as const;
type SingleField = (typeof SINGLE_FIELDS)[number];

/**
 * Reads a `multipart/form-data` upload: one `file`, and before or after it `preset` (repeatable),
 * `renditions`, `metadata`, `priority` and `runAt`.
 *
 * @throws Problem BAD_REQUEST, FILE_MISSING, FILE_DUPLICATE, FIELD_UNKNOWN, VALIDATION_FAILED (400), and
 *   what receiving throws; then no file is left
 */
export async function readForm(request: FastifyRequest, receive: Receive): Promise<Upload> {
  let received: ReceivedImage | undefined;
  let filename: string | undefined;
  const presets: string[] = [];
  const single: Partial<Record<SingleField, string>> = {};
  try {
    for await (const part of request.parts()) {
      if (part.type === 'file') {
        if (part.fieldname !== 'file') throw unknownField(part.fieldname);
        if (received)
          throw new Problem('FILE_DUPLICATE', 'The form has more than one file; it takes one, named file.');
        filename = part.filename;
        received = await receive(part.file);
      } else {
        if (part.valueTruncated) throw invalidField(part.fieldname, 'is too long');
        readField(part.fieldname, String(part.value), presets, single);
      }
    }
    if (!received) throw new Problem('FILE_MISSING', 'The form has no file; it takes one, named file.');
    return {
      received,
      filename,
      ...readFields({ presets, flat: {}, ...single }),
    };
  } catch (error) {
    await received?.discard();
    throw formProblem(error);
  }
}

/** What the form's parser complains of has no code: it is known by its words. Every other error as it is. */
export function formProblem(error: unknown): unknown {
  return error instanceof Error && /^Multipart: |end of multipart data$/.test(error.message)
    ? new Problem('BAD_REQUEST', 'The form is cut off, or its boundary is missing.', { cause: error })
    : error;
}

/**
 * Reads an upload whose body is the file itself; what a form says in fields stands in the query.
 *
 * @throws Problem as {@link readForm}
 */
export async function readRaw(request: FastifyRequest, source: Readable, receive: Receive): Promise<Upload> {
  const {
    preset = [],
    renditions,
    metadata,
    priority,
    runAt,
    filename,
    ...flat
  } = request.query as Record<string, string | string[]>;
  const fields = readFields({
    presets: [preset].flat(),
    renditions: single(renditions, 'renditions'),
    metadata: single(metadata, 'metadata'),
    priority: single(priority, 'priority'),
    runAt: single(runAt, 'runAt'),
    flat,
  });
  const name = single(filename, 'filename');
  return { received: await receive(source), filename: name, ...fields };
}

function readField(
  name: string,
  value: string,
  presets: string[],
  fields: Partial<Record<SingleField, string>>,
): void {
  if (name === 'preset') {
    presets.push(value);
    return;
  }
  const known = SINGLE_FIELDS.find((each) => each === name);
  if (!known) throw unknownField(name);
  if (fields[known] !== undefined) throw invalidField(name, 'is there twice; it takes one');
  fields[known] = value;
}

/**
 * Reads what stands beside the file.
 *
 * @throws Problem VALIDATION_FAILED (400) with the path of each wrong field
 */
export function readFields(fields: Fields): Pick<Upload, 'metadata' | 'wanted'> {
  const { presets, renditions, metadata, priority, runAt, flat } = fields;
  const wanted =
    renditions === undefined ? [] : readRenditions(parseJson(renditions, 'renditions'), 'renditions');
  if (Object.keys(flat).length > 0) wanted.push({ options: parseRenditionQuery(flat, ''), path: 'query' });
  assertCount(presets.length + wanted.length);
  return {
    metadata: parseMetadata(metadata),
    wanted: {
      presets,
      presetsPath: 'preset',
      renditions: wanted,
      priority: readPriority(priority),
      runAt: parseRunAt(runAt, 'runAt'),
    },
  };
}

function readPriority(text = 'normal'): Priority {
  const known = priorities.find((each) => each === text);
  if (!known)
    throw invalidField('priority', `is ${JSON.stringify(text)}; it takes one of ${priorities.join(', ')}`);
  return known;
}

/**
 * Reads an array of rendition options.
 *
 * @throws Problem VALIDATION_FAILED (400) with the path of each wrong field
 */
export function readRenditions(value: unknown, path: string): WantedRendition[] {
  if (!Array.isArray(value))
    throw invalidField(path, 'is not an array; it takes an array of rendition options');
  assertCount(value.length);
  return value.map((each, index) => {
    const at = `${path}.${index}`;
    return { options: parseRenditionOptions(each, at), path: at };
  });
}

/** @throws Problem VALIDATION_FAILED (400) for more presets and renditions than a request takes */
export function assertCount(count: number): void {
  if (count > MAX_RENDITIONS)
    throw invalidField('renditions', `are ${count}; a request takes at most ${MAX_RENDITIONS}`);
}

function single(value: string | string[] | undefined, path: string): string | undefined {
  if (Array.isArray(value)) throw invalidField(path, 'is there twice; it takes one');
  return value;
}

function unknownField(name: string): Problem {
  return invalidField(
    name,
    'is not known here; known are file, preset, renditions, metadata, priority, runAt',
    'FIELD_UNKNOWN',
  );
}
