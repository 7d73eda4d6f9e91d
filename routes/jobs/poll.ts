import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { matchesIfNoneMatch } from '../../lib/http/conditional.js';
import { TurnResponse } from '../../lib/http/turn-response.js';
import { isUuid } from '../../lib/ids.js';
import type { CachedJob } from '../../lib/jobs/cache.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { COMPRESSION_THRESHOLD_BYTES } from '../../plugins/compression.js';
import { ref } from '../schemas.js';
import { waitIfPreferred } from '../wait.js';
import { jobNotFound } from './find.js';

/**
 * `GET /v1/jobs/{id}`: the route that is called most. A cached job is a look-up and a string that was
 * made once; what other JSON routes do in hooks is done here by hand, where it costs next to nothing.
 */
const poll: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/jobs/:id',
    {
      config: { rateLimitClass: 'general' },
      // The schema is for the document: an id that is no UUID is a 404, and found out below.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['jobs'],
        summary: 'One job',
        description:
          'With `Prefer: wait=N` the answer is held until the job ends or, given `If-None-Match`, until it has changed.',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ref('Job'), 304: Type.Null({ description: 'Nothing has changed' }) },
      },
    },
    (request, reply) => {
      const { id } = request.params;
      const cached =
        request.headers['prefer'] === undefined ? app.jobs.peek(request.tenantId, id) : undefined;
      if (cached) {
        if (reply.raw instanceof TurnResponse) reply.raw.hold();
        send(request, reply, cached);
        // A reply that is returned is awaited, which takes longer than to send it.
        return;
      }
      // RFC 9562: a UUID may be written in upper case. What becomes of a job is told by its id as we write it.
      return readOrWait(request, reply, id.toLowerCase());
    },
  );

  async function readOrWait(request: FastifyRequest, reply: FastifyReply, id: string): Promise<FastifyReply> {
    if (!isUuid(id)) throw jobNotFound();
    const seen = request.headers['if-none-match'];
    const changed =
      seen === undefined ? undefined : ({ etag }: CachedJob): boolean => !matchesIfNoneMatch(seen, etag);
    const waited = await waitIfPreferred(request, reply, id, changed);
    const job = waited ?? (await request.timings.measure('db', () => app.jobs.get(request.tenantId, id)));
    if (!job) throw jobNotFound();
    return send(request, reply, job);
  }
};

export default poll;

function send(request: FastifyRequest, reply: FastifyReply, job: CachedJob): FastifyReply {
  const { row, etag } = job;
  reply.header('etag', etag).header('cache-control', 'no-cache').header('vary', 'accept-encoding');
  if (!hasEnded(row.state)) reply.header('retry-after', '1');
  const seen = request.headers['if-none-match'];
  if (seen !== undefined && (seen === etag || matchesIfNoneMatch(seen, etag))) return reply.code(304).send();
  const body = job.bodyFor(request.caller);
  reply.header('content-type', 'application/json; charset=utf-8');
  if (body.length < COMPRESSION_THRESHOLD_BYTES) return reply.send(body);
  reply.compress(body);
  return reply;
}
