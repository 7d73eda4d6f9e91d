import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientGone } from '../lib/http/client-gone.js';
import { parsePrefer } from '../lib/http/prefer.js';
import type { CachedJob } from '../lib/jobs/cache.js';

/**
 * Holds the answer for as long as `Prefer: wait` says (RFC 7240), capped by the configuration, until
 * the job has ended. Says in `Preference-Applied` what it did.
 *
 * @param changed also ends the wait, before the job's own end
 * @returns the job as it is then; undefined when the client did not ask to wait, or the job is gone
 */
export async function waitIfPreferred(
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
  changed?: (job: CachedJob) => boolean,
): Promise<CachedJob | undefined> {
  const { respondAsync, wait } = parsePrefer(request.headers['prefer']);
  if (respondAsync) reply.header('preference-applied', 'respond-async');
  if (respondAsync || wait === undefined) return undefined;
  const { server } = request;
  const seconds = Math.min(wait, server.config.maxWaitSeconds);
  reply.header('preference-applied', `wait=${seconds}`);
  const signal = AbortSignal.any([clientGone(reply.raw), server.closing]);
  return request.timings.hold(() =>
    server.jobs.waitFor(request.tenantId, id, { ...(changed && { changed }), ms: seconds * 1000, signal }),
  );
}
