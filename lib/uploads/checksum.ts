import { createHash, type Hash } from 'node:crypto';
import { invalidField } from '../errors.js';

/** What a part may be checked by, as OpenSSL and tus both call them; tus asks for SHA-1 at the least. */
export const checksumAlgorithms = ['sha1', 'sha256', 'sha512', 'md5'] as const;

/** What a part has to be, as its client says. */
export interface Checksum {
  /** Takes the part as it comes. */
  readonly hash: Hash;
  readonly expected: Buffer;
}

/**
 * Reads `Upload-Checksum`: an algorithm, a space, and the digest in Base64.
 * https://tus.io/protocols/resumable-upload#checksum
 *
 * @throws Problem VALIDATION_FAILED (400)
 */
export function parseChecksum(text: string | undefined): Checksum | undefined {
  if (text === undefined) return undefined;
  const [name, digest = '', ...more] = text.split(' ');
  const algorithm = checksumAlgorithms.find((known) => known === name);
  if (!algorithm)
    throw invalidField(
      'Upload-Checksum',
      `names ${JSON.stringify(name)}; it takes one of ${checksumAlgorithms.join(', ')}`,
    );
  const hash = createHash(algorithm);
  const expected = Buffer.from(digest, 'base64');
  if (
    more.length > 0 ||
    expected.toString('base64') !== digest ||
    expected.length !== hash.copy().digest().length
  )
    throw invalidField('Upload-Checksum', `has no ${algorithm} digest in Base64`);
  return { hash, expected };
}
