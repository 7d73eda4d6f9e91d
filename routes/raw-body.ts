import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../lib/errors.js';
import { linger } from '../lib/http/linger.js';

/** The answer to a large body: where it is a refusal, what still comes of the body is let pass by. */
export async function lingering<T>(request: FastifyRequest, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    linger(request.raw);
    throw error;
  }
}

/**
 * A body that is the file itself.
 *
 * @param takes what the route takes, for the message
 * @throws Problem UPLOAD_TOO_LARGE (413) by its length, before a byte of it is read; BODY_EMPTY (400)
 */
export function rawBody(request: FastifyRequest, maxBytes: number, takes: string): Readable {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes)
    throw new Problem('UPLOAD_TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most taken here.`);
  if (!isStream(request.body))
    throw new Problem('BODY_EMPTY', `The request has no body; it takes ${takes}, or a form with one.`);
  return request.body;
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body;
}
