import type { FastifyRequest } from 'fastify';
import type { Asker } from '../lib/images/create-image.js';
import { activeTraceparent, isTraceparent } from '../lib/telemetry/tracing.js';

/** Who asks for work: stands on the job, so that its log lines name the request, and its spans follow it. */
export function askerOf(request: FastifyRequest): Asker {
  const given = request.headers['traceparent'];
  const isGiven = typeof given === 'string' && isTraceparent(given);
  return {
    tenantId: request.tenantId,
    requestId: request.id,
    clientAddress: request.ip,
    keyPrefix: request.caller.keyPrefix,
    traceparent: activeTraceparent() ?? (isGiven ? given : null),
  };
}
