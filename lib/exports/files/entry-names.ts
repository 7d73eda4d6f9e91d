import { createHash } from 'node:crypto';
import { extname } from 'node:path';
import { plainFilename } from '../../http/content-disposition.js';
import { NumberSet } from './number-set.js';

/** With the folder and a number it stays below the 255 bytes that file systems take. */
const MAX_NAME_BYTES = 200;
const MAX_EXTENSION_BYTES = 20;
/** What Windows does not take in a name. */
const UNSAFE = /["*:<>?|]/g;
/** Names that Windows takes for devices, whatever the extension. */
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;
/** 48 bits of a name's hash: among a million names two meet once in 500 archives, and one gets a number. */
const HASH_BYTES = 6;

/**
 * Gives the files of an archive names that every system can unpack, and each a different one, also where
 * upper and lower case are the same: `a.jpg`, `A (2).jpg`. Keeps 16 to 32 bytes a name.
 */
export class EntryNames {
  readonly #taken = new NumberSet();
  /** For names that met: the number to try next. */
  readonly #next = new Map<number, number>();

  /** A path such as `images/photo.jpg` for a file that a person named; never the same one twice. */
  take(folder: string, filename: string): string {
    const name = safeName(filename);
    const path = `${folder}/${name}`;
    if (this.#add(path)) return path;
    const extension = extensionOf(name);
    const stem = path.slice(0, path.length - extension.length);
    const hash = hashOf(path);
    for (let number = this.#next.get(hash) ?? 2; ; number++) {
      const numbered = `${stem} (${number})${extension}`;
      if (!this.#add(numbered)) continue;
      this.#next.set(hash, number + 1);
      return numbered;
    }
  }

  #add(path: string): boolean {
    return this.#taken.add(hashOf(path));
  }
}

/** A name that every system takes, at most {@link MAX_NAME_BYTES} long, its extension kept. */
function safeName(filename: string): string {
  // Windows drops dots at the end.
  const clean = plainFilename(filename)
    .normalize('NFC')
    .replaceAll(UNSAFE, '_')
    .replace(/[. ]+$/, '');
  const name = clean === '' ? 'unnamed' : DEVICE.test(clean) ? `_${clean}` : clean;
  const extension = extensionOf(name);
  const stem = name.slice(0, name.length - extension.length);
  return cutToBytes(stem, MAX_NAME_BYTES - Buffer.byteLength(extension)) + extension;
}

function extensionOf(name: string): string {
  const extension = extname(name);
  return Buffer.byteLength(extension) <= MAX_EXTENSION_BYTES ? extension : '';
}

/** Cuts between characters, never within one. */
function cutToBytes(text: string, bytes: number): string {
  const whole = Buffer.from(text);
  if (whole.length <= bytes) return text;
  let end = bytes;
  // 10xxxxxx: a byte that goes on with a character.
  while (((whole[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return whole.toString('utf8', 0, end);
}

function hashOf(path: string): number {
  return createHash('sha1').update(path.toLowerCase()).digest().readUIntBE(0, HASH_BYTES);
}
