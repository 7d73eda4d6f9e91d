import { invalidField } from '../errors.js';
import type { ImageMetadata } from './image.js';
import { MAX_METADATA_BYTES } from './schema.js';

// PostgreSQL's jsonb has no place for U+0000 and for surrogates without their other half, which are the
// characters from there that JSON.stringify escapes; a backslash before it may be an escaped one itself.
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][\da-f]{2})/;

/**
 * Reads `metadata` of an upload: JSON text of an object.
 *
 * @throws Problem VALIDATION_FAILED (400)
 */
export function parseMetadata(text: string | undefined): ImageMetadata {
  if (text === undefined) return {};
  return checkMetadata(parseJson(text, 'metadata'));
}

/**
 * Checks metadata that was JSON already.
 *
 * @throws Problem VALIDATION_FAILED (400) for what is no object, too large, or cannot be stored
 */
export function checkMetadata(value: unknown): ImageMetadata {
  if (!isObject(value)) throw invalidField('metadata', 'is not an object; it takes a JSON object');
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_METADATA_BYTES) {
    throw invalidField('metadata', `is ${bytes} bytes of JSON; it takes at most ${MAX_METADATA_BYTES}`);
  }
  if (UNSTORABLE.test(text))
    throw invalidField('metadata', 'holds a NUL or half a character, which cannot be stored');
  return value;
}

/**
 * Parses a form field or query value that holds JSON.
 *
 * @throws Problem VALIDATION_FAILED (400) that names the field
 */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalidField(path, `is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

function isObject(value: unknown): value is ImageMetadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
