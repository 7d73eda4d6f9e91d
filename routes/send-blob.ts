import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../lib/errors.js';
import { evaluateConditions, ifRangeMatches } from '../lib/http/conditional.js';
import { contentDisposition } from '../lib/http/content-disposition.js';
import { reprDigest, strongEtag } from '../lib/http/digest.js';
import { parseRange } from '../lib/http/range.js';

/** A file as it is delivered. */
export interface DeliveredBlob {
  readonly key: string;
  readonly bytes: number;
  /** Hexadecimal; the entity tag and the digest are made of it. */
  readonly sha256: string;
  readonly contentType: string;
  readonly modifiedAt: Date;
  readonly disposition: 'inline' | 'attachment';
  readonly filename: string;
}

/**
 * Answers GET and HEAD of a file that never changes: validators, conditions and single ranges by
 * RFC 9110, digest by RFC 9530. The bytes go from disk to socket as a stream.
 *
 * @throws Problem RANGE_NOT_SATISFIABLE (416), PRECONDITION_FAILED (412)
 */
export async function sendBlob(
  request: FastifyRequest,
  reply: FastifyReply,
  blob: DeliveredBlob,
): Promise<FastifyReply> {
  const etag = strongEtag(blob.sha256);
  // HTTP dates have no milliseconds: what is sent must equal what is compared.
  const lastModified = new Date(Math.floor(blob.modifiedAt.getTime() / 1000) * 1000);
  const { method, headers } = request;
  const verdict = evaluateConditions({ method, headers, etag, lastModified });
  if (verdict === 'precondition-failed') {
    throw new Problem('PRECONDITION_FAILED', 'The file is not the one that the request names.');
  }
  reply.headers({
    etag,
    'last-modified': lastModified.toUTCString(),
    'cache-control': 'private, max-age=31536000, immutable',
    'accept-ranges': 'bytes',
  });
  if (verdict === 'not-modified') return reply.code(304).send();
  reply.headers({
    'content-type': blob.contentType,
    'content-disposition': contentDisposition(blob.disposition, blob.filename),
    // Bytes of strangers: nothing in them may run, should a browser come to show them as a page.
    'content-security-policy': "default-src 'none'; sandbox",
    'repr-digest': reprDigest(blob.sha256),
  });
  if (method === 'HEAD') return reply.header('content-length', blob.bytes).send();
  const wanted = ifRangeMatches(headers['if-range']?.toString(), etag, lastModified)
    ? parseRange(headers.range, blob.bytes)
    : undefined;
  if (wanted === 'unsatisfiable') {
    throw new Problem('RANGE_NOT_SATISFIABLE', `The file has ${blob.bytes} bytes.`, {
      headers: { 'Content-Range': `bytes */${blob.bytes}` },
    });
  }
  const { bytes, stream } = await request.timings.measure('storage', () =>
    request.server.store.open(blob.key, wanted),
  );
  if (wanted) {
    reply.code(206).header('content-range', `bytes ${wanted.start}-${wanted.end}/${blob.bytes}`);
  }
  return reply.header('content-length', bytes).send(stream);
}
