import { create } from 'content-disposition';

/** The longest name that the usual file systems take, in UTF-8. */
const MAX_NAME_BYTES = 255;
/** Control characters, lone surrogates, line separators, and the marks that turn the text's direction. */
const UNSAFE = /[\p{Cc}\p{Surrogate}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * The `Content-Disposition` of a download (RFC 6266, with RFC 8187 for names beyond ASCII).
 *
 * @param filename as the client once gave it: anything. What is left of it is a plain file name
 *   without folders, or `file`. Never throws.
 */
export function contentDisposition(type: 'inline' | 'attachment', filename: string): string {
  return create(plainFilename(filename) || 'file', { type });
}

/**
 * What is left of a name that a client gave: a plain file name that is safe to show, to send and to
 * save, at most 255 bytes; empty where nothing is left.
 */
export function plainFilename(filename: string): string {
  const plain = filename.replace(UNSAFE, '');
  const last = plain.slice(Math.max(plain.lastIndexOf('/'), plain.lastIndexOf('\\')) + 1);
  // A leading dot hides the file, `..` is a folder, and Windows drops what trails.
  return shorten(last.replace(/^[. ]+/, '').trimEnd());
}

/** Cuts the name, not its extension, and never within a character. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const extension = /\.\w{1,10}$/.exec(name)?.[0] ?? '';
  let room = MAX_NAME_BYTES - extension.length;
  let kept = '';
  for (const character of name) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    kept += character;
  }
  return kept + extension;
}
