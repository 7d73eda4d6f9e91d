import type { FastifyRequest } from 'fastify';
import type { Asker } from '../lib/images/create-image.js';

// https://www.w3.org/TR/trace-context/#traceparent-header
const TRACEPARENT = /^[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** Who asks for work: stands on the job, so that its log lines name the request. */
export function askerOf(request: FastifyRequest): Asker {
  const traceparent = request.headers['traceparent'];
  return {
    tenantId: request.tenantId,
    requestId: request.id,
    traceparent: typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : null,
  };
}
