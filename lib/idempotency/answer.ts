import type { Answer } from './sealed-answer.js';

/** An answer with a longer body is not kept: its repeat is told so. Ours are of a few KiB. */
const MAX_BODY_BYTES = 1024 * 1024;

/** Headers of one exchange: every answer gets its own. What depends on the body's coding is set when it is sent. */
const OWN_HEADERS =
  /^(x-request-id|server-timing|x-content-type-options|ratelimit.*|vary|date|connection|keep-alive|transfer-encoding|content-encoding|content-length)$/;

/**
 * Decided by who asks and when, not by the request itself: another try may well find another answer. So
 * it is with every 5xx.
 */
const PASSING_STATUSES: ReadonlySet<number> = new Set([401, 403, 408, 409, 413, 425, 429]);

/** Whether an answer of this status stands for good, so that the same request gets it again. */
export function isFinal(status: number): boolean {
  return status < 500 && !PASSING_STATUSES.has(status);
}

/**
 * What is kept of an answer.
 *
 * @param payload as it is about to be sent, not compressed; anything but text and bytes is a stream
 */
export function answerToKeep(
  status: number,
  headers: Readonly<Record<string, number | string | string[] | undefined>>,
  payload: unknown,
): Answer {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !OWN_HEADERS.test(name))
      kept[name] = Array.isArray(value) ? value : String(value);
  }
  const body = bytesOf(payload);
  return { status, headers: kept, body: body && body.length <= MAX_BODY_BYTES ? body : undefined };
}

function bytesOf(payload: unknown): Buffer | undefined {
  if (payload === undefined || payload === null) return Buffer.alloc(0);
  if (typeof payload === 'string') return Buffer.from(payload);
  return Buffer.isBuffer(payload) ? payload : undefined;
}
