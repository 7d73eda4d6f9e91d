import { join } from 'node:path';

const SHA256 = /^[0-9a-f]{64}$/;
const HEX = /^[0-9a-f]+$/;
const EXTENSION = /^[a-z0-9]{1,8}$/;
// A name that starts with a letter or digit is neither `..` nor hidden, and no key is under `tmp/`.
const KEY = /^(?:originals|renditions|exports|imports)(?:\/[a-z0-9][a-z0-9.-]*)+$/;

/**
 * The key of an original: `originals/ab/cd/<sha256>`. Two levels of 256 folders keep each one small.
 *
 * @throws TypeError when `sha256` is not 64 lower-case hex digits
 */
export function originalKey(sha256: string): string {
  assertShape(SHA256, sha256, 'SHA-256');
  return `originals/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
}

/**
 * The key of a rendition: `renditions/<sha256>/<options hash>.<extension>`.
 *
 * @param sha256 of the original
 * @param optionsHash of the canonical options, lower-case hex
 * @param extension without the dot
 * @throws TypeError when a part has another shape
 */
export function renditionKey(sha256: string, optionsHash: string, extension: string): string {
  assertShape(HEX, optionsHash, 'options hash');
  assertShape(EXTENSION, extension, 'extension');
  return `${renditionPrefix(sha256)}${optionsHash}.${extension}`;
}

/**
 * The prefix of every rendition of an original, with its closing slash.
 *
 * @throws TypeError when `sha256` is not 64 lower-case hex digits
 */
export function renditionPrefix(sha256: string): string {
  assertShape(SHA256, sha256, 'SHA-256');
  return `renditions/${sha256}/`;
}

/**
 * The key of an export's file: `exports/<id>.<extension>`.
 *
 * @param extension without its first dot, such as `csv.gz`
 * @throws TypeError when a part has another shape
 */
export function exportKey(id: string, extension: string): string {
  const key = `exports/${id}.${extension}`;
  assertKey(key);
  return key;
}

/** The prefix of every CSV of an import. */
export const importPrefix = 'imports/';

/**
 * The key of the CSV of an import that is not finished: `imports/<id>.csv`.
 *
 * @throws TypeError when `id` has another shape
 */
export function importKey(id: string): string {
  const key = `${importPrefix}${id}.csv`;
  assertKey(key);
  return key;
}

/** Whether a text is a key that stays inside the store. */
export function isKey(text: string): boolean {
  return KEY.test(text);
}

/** @throws TypeError when the key could leave the store or is not one of the service's */
export function assertKey(key: string): void {
  assertShape(KEY, key, 'blob key');
}

/** A prefix is a folder, `renditions/<sha256>/` or `originals/`; there is none for the whole store. */
export function assertPrefix(prefix: string): void {
  if (!prefix.endsWith('/') || !isKey(`${prefix}x`)) {
    throw new TypeError(`Not a blob prefix: ${JSON.stringify(prefix)}`);
  }
}

function assertShape(shape: RegExp, text: string, what: string): void {
  if (!shape.test(text)) throw new TypeError(`Not a ${what}: ${JSON.stringify(text)}`);
}

/** Where the store lies under the data folder. */
export function storePath(dataDir: string): string {
  return join(dataDir, 'store');
}
