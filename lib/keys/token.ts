import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A bearer token in its parts: `ht_<prefix>_<secret>`. */
export interface Token {
  /** May be seen, and finds the key. */
  readonly prefix: string;
  readonly secret: string;
}

/** What `ADMIN_API_KEY` and every other token looks like; the secret is at least 128 bits of base64url. */
export const TOKEN_PATTERN = /^ht_([0-9a-z]{4,32})_([\w-]{22,128})$/i;

// Enough that no two keys ever share one; the secret alone protects.
const PREFIX_BYTES = 8;
const SECRET_BYTES = 32;

/** A new token, of 256 bits. */
export function newToken(prefix: string = randomBytes(PREFIX_BYTES).toString('hex')): Token {
  return { prefix, secret: randomBytes(SECRET_BYTES).toString('base64url') };
}

/** The parts of a token's text, or undefined where it is none. */
export function parseToken(text: string): Token | undefined {
  const [, prefix, secret] = TOKEN_PATTERN.exec(text) ?? [];
  return prefix === undefined || secret === undefined ? undefined : { prefix, secret };
}

/** A token as its owner sends it. */
export function formatToken({ prefix, secret }: Token): string {
  return `ht_${prefix}_${secret}`;
}

/** What is kept of a secret. A slow hash would protect a password; these cannot be guessed. */
export function secretDigest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Whether a secret is the one of a digest, in a time that does not tell how nearly. */
export function isSecretOf(secret: string, digest: Uint8Array): boolean {
  return timingSafeEqual(secretDigest(secret), digest);
}
