import { invalidField, type Problem } from '../errors.js';
import { show } from '../validation.js';

const MAX_LENGTH = 255;
// RFC 9651, section 3.3.3; what parameters follow it says nothing to us.
const STRING = /^"((?:[ !#-[\]-~]|\\["\\])*)"(?: *;.*)?$/;
// Without spaces, so that two header lines, which come joined by a comma and a space, are not taken for one key.
const BARE = /^[!#-~][!-~]*$/;

/**
 * Reads `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a string in quotes, as the draft
 * has it, or the bare text that most clients send. `"abc"` and `abc` are the same key.
 *
 * @throws Problem IDEMPOTENCY_KEY_INVALID (400)
 */
export function parseIdempotencyKey(header: string): string {
  const key = STRING.exec(header)?.[1]?.replace(/\\(.)/g, '$1') ?? BARE.exec(header)?.[0];
  if (key === undefined || key === '') throw invalidKey(`is ${show(header)}`);
  if (key.length > MAX_LENGTH) throw invalidKey(`is ${key.length} characters long`);
  return key;
}

function invalidKey(got: string): Problem {
  return invalidField(
    'Idempotency-Key',
    `${got}; it takes 1 to ${MAX_LENGTH} characters of printable ASCII, in double quotes where there are spaces`,
    'IDEMPOTENCY_KEY_INVALID',
  );
}
