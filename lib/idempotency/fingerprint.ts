import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.js';
import { Problem } from '../errors.js';

/**
 * What makes two requests the same one: method, path with query, and body.
 *
 * @param url path and query as they came
 * @param body digest of the body
 * @returns SHA-256, 32 bytes
 */
export function fingerprintOf(method: string, url: string, body: Buffer): Buffer {
  return createHash('sha256').update(`${method} ${url}\n`).update(body).digest();
}

/**
 * Digest of a JSON body, parsed: the order of its names and its white space do not matter. `undefined` is
 * a request without a body.
 *
 * @throws Problem BAD_REQUEST for what is nested so deep that nothing here could take it
 */
export function jsonDigest(body: unknown): Buffer {
  try {
    return createHash('sha256')
      .update(body === undefined ? '' : canonicalJson(body))
      .digest();
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new Problem('BAD_REQUEST', 'The body is nested too deep.', { cause });
    throw cause;
  }
}

/**
 * Digest of a body that streams by. Every client draws a new boundary for each form that it sends, also for
 * the same one: so the digest is of the parts between the boundaries. The same parts give the same digest.
 */
export class BodyDigest {
  readonly #delimiter: Buffer | undefined;
  readonly #whole = createHash('sha256');
  #part = createHash('sha256');
  /** Bytes that may be the beginning of a delimiter. */
  #held: Buffer = Buffer.alloc(0);
  #bytes = 0;

  /** @param contentType the body's; a form's has the boundary */
  constructor(contentType: string | undefined) {
    const [, quoted, bare] =
      /^multipart\/.*;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType ?? '') ?? [];
    const boundary = quoted ?? bare;
    this.#delimiter = boundary === undefined ? undefined : Buffer.from(`--${boundary}`, 'latin1');
  }

  /** Bytes seen so far. */
  get bytes(): number {
    return this.#bytes;
  }

  update(chunk: Buffer): void {
    this.#bytes += chunk.length;
    const delimiter = this.#delimiter;
    if (delimiter === undefined) {
      this.#part.update(chunk);
      return;
    }
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    for (let at = rest.indexOf(delimiter); at !== -1; at = rest.indexOf(delimiter)) {
      this.#part.update(rest.subarray(0, at));
      this.#endPart();
      rest = rest.subarray(at + delimiter.length);
    }
    const sure = Math.max(0, rest.length - delimiter.length + 1);
    this.#part.update(rest.subarray(0, sure));
    this.#held = rest.subarray(sure);
  }

  /** SHA-256 over the digests of the parts; call it once, at the end. */
  digest(): Buffer {
    this.#part.update(this.#held);
    this.#endPart();
    return this.#whole.digest();
  }

  /** Parts go in as digests, all of one length: no two lists of parts are the same bytes. */
  #endPart(): void {
    this.#whole.update(this.#part.digest());
    this.#part = createHash('sha256');
  }
}
