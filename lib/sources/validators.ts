import type { IncomingHttpHeaders } from 'node:http';
import { parseHttpDate } from '../http/http-date.js';

/** What a host said of the version that it gave, to ask later whether it is still that one (RFC 9110, 8.8). */
export interface Validators {
  /** The URL that answered, after redirects. */
  readonly answeredBy: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

const ENTITY_TAG = /^(W\/)?"[\x21\x23-\x7e]{0,512}"$/;

/** The validators of an answer; what is none by the letter of the standard is not sent back, and not kept. */
export function validatorsOf(answeredBy: string, headers: IncomingHttpHeaders): Validators {
  const { etag, 'last-modified': lastModified } = headers;
  return {
    answeredBy,
    etag: typeof etag === 'string' && ENTITY_TAG.test(etag) ? etag : null,
    lastModified:
      typeof lastModified === 'string' && parseHttpDate(lastModified) !== undefined ? lastModified : null,
  };
}

/** The headers that ask for another version only; undefined where nothing is known of the one there is. */
export function conditionsOf({
  etag,
  lastModified,
}: Validators): Readonly<Record<string, string>> | undefined {
  if (etag === null && lastModified === null) return undefined;
  return {
    ...(etag !== null && { 'if-none-match': etag }),
    ...(lastModified !== null && { 'if-modified-since': lastModified }),
  };
}
