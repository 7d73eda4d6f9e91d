import { parseHttpDate } from './http-date.js';

/** The header fields that make a request conditional (RFC 9110 §13.1), as Node gives them. */
export interface ConditionalHeaders {
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly 'if-unmodified-since'?: string | undefined;
}

/** A request and the validators of what it asks for now. */
export interface Conditions {
  readonly method: string;
  readonly headers: ConditionalHeaders;
  /** The whole field value, such as `"abc"` or `W/"abc"`; undefined when there is nothing yet. */
  readonly etag: string | undefined;
  readonly lastModified?: Date | undefined;
}

/** How a conditional request goes on: as if unconditional, with a 304, or with a 412. */
export type Verdict = 'proceed' | 'not-modified' | 'precondition-failed';

/** Evaluates the preconditions in the order of RFC 9110 §13.2.2. `If-Range` comes after: {@link ifRangeMatches}. */
export function evaluateConditions({ method, headers, etag, lastModified }: Conditions): Verdict {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!matchesIfMatch(ifMatch, etag)) return 'precondition-failed';
  } else if (isModifiedAfter(headers['if-unmodified-since'], lastModified) === true) {
    return 'precondition-failed';
  }

  const reads = method === 'GET' || method === 'HEAD';
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    if (!matchesIfNoneMatch(ifNoneMatch, etag)) return 'proceed';
    return reads ? 'not-modified' : 'precondition-failed';
  }
  return reads && !isModifiedSince(headers['if-modified-since'], lastModified) ? 'not-modified' : 'proceed';
}

/** Whether `If-None-Match` names the tag: weak comparison, a list or `*` (RFC 9110 §13.1.2). */
export function matchesIfNoneMatch(header: string | undefined, etag: string | undefined): boolean {
  return matches(header, etag, (one, other) => opaque(one) === opaque(other));
}

/** Whether `If-Match` names the tag: strong comparison, a list or `*` (RFC 9110 §13.1.1). */
export function matchesIfMatch(header: string | undefined, etag: string | undefined): boolean {
  return matches(header, etag, strongMatch);
}

/** Whether to send it anew under `If-Modified-Since`: yes, too, without a date on either side (RFC 9110 §13.1.3). */
export function isModifiedSince(header: string | undefined, lastModified: Date | undefined): boolean {
  return isModifiedAfter(header, lastModified) ?? true;
}

/**
 * Whether a range may be served under `If-Range` (RFC 9110 §13.1.5); when not, the whole file is.
 * A tag must match strongly, a date exactly. Without the header there is nothing to hinder the range.
 */
export function ifRangeMatches(
  header: string | undefined,
  etag: string | undefined,
  lastModified?: Date,
): boolean {
  if (header === undefined) return true;
  if (header.includes('"')) return etag !== undefined && strongMatch(header.trim(), etag);
  const date = parseHttpDate(header);
  return date !== undefined && lastModified !== undefined && date === wholeSeconds(lastModified);
}

function matches(
  header: string | undefined,
  etag: string | undefined,
  compare: (one: string, other: string) => boolean,
): boolean {
  if (header === undefined || etag === undefined) return false;
  return header.trim() === '*' || entityTags(header).some((tag) => compare(tag, etag));
}

/** The tags of a list, up to the first thing that is none. A tag may hold a comma. */
function entityTags(header: string): string[] {
  const next = /[\t ,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[\t ]*(?=,|$)/y;
  const tags: string[] = [];
  for (let found = next.exec(header); found; found = next.exec(header)) tags.push(found[1] ?? '');
  return tags;
}

function strongMatch(one: string, other: string): boolean {
  return one === other && !one.startsWith('W/');
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}

/** Undefined when either side has no usable date, in which case the field is ignored. */
function isModifiedAfter(header: string | undefined, lastModified: Date | undefined): boolean | undefined {
  const date = header === undefined ? undefined : parseHttpDate(header);
  return date === undefined || lastModified === undefined ? undefined : wholeSeconds(lastModified) > date;
}

/** An HTTP-date has no milliseconds, so they must not make a file look newer than its own date. */
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000;
}
