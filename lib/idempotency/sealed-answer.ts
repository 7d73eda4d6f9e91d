import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** The first answer to a request, as it is sent again. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** Absent where it could not be kept: a stream, or more than fits (see `answer.ts`). */
  readonly body: Buffer | undefined;
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const SALT_BYTES = 16;
const TAG_BYTES = 16;
const NEW_LINE = Buffer.from('\n');

/**
 * Encrypts an answer under a key that is made of the client's Idempotency-Key, of which the database has
 * only the SHA-256. An answer can hold a secret that is shown once, such as a webhook's; so nobody can
 * take it from the table who does not have, or guess, the client's key.
 */
export function sealAnswer({ status, headers, body }: Answer, key: string): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const cipher = createCipheriv(CIPHER, ...derive(key, salt));
  const head = Buffer.from(JSON.stringify({ status, headers, hasBody: body !== undefined } satisfies Head));
  const text = [head, NEW_LINE, body ?? Buffer.alloc(0)].map((part) => cipher.update(part));
  text.push(cipher.final());
  return Buffer.concat([salt, cipher.getAuthTag(), ...text]);
}

/** Decrypts what {@link sealAnswer} made. @throws Error when the key is another, or the bytes are */
export function openAnswer(sealed: Buffer, key: string): Answer {
  const salt = sealed.subarray(0, SALT_BYTES);
  const tagEnd = SALT_BYTES + TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, ...derive(key, salt));
  decipher.setAuthTag(sealed.subarray(SALT_BYTES, tagEnd));
  const text = Buffer.concat([decipher.update(sealed.subarray(tagEnd)), decipher.final()]);
  const headEnd = text.indexOf(NEW_LINE);
  const { status, headers, hasBody }: Head = JSON.parse(text.toString('utf8', 0, headEnd));
  return { status, headers, body: hasBody ? text.subarray(headEnd + 1) : undefined };
}

/** What stands before the body, as JSON in one line. */
interface Head extends Pick<Answer, 'status' | 'headers'> {
  readonly hasBody: boolean;
}

/** Cipher key and nonce (RFC 5869). The salt is new for each answer, so no pair of them comes twice. */
function derive(key: string, salt: Buffer): [key: Buffer, nonce: Buffer] {
  const bytes = Buffer.from(
    hkdfSync('sha256', key, salt, 'halftone idempotency answer', KEY_BYTES + NONCE_BYTES),
  );
  return [bytes.subarray(0, KEY_BYTES), bytes.subarray(KEY_BYTES)];
}
