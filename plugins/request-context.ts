import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Timings } from '../lib/http/timings.js';
import type { ServiceLogger } from '../lib/logger.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the request has spent its time on, for `Server-Timing` and the log. */
    timings: Timings;
  }
  interface FastifyInstance {
    /** Aborts when the server begins to close: whoever waits answers now. */
    readonly closing: AbortSignal;
  }
}

/**
 * What every request has: an id (in the answer, the log, and on the jobs it makes), its timings, the fixed headers of every answer, and one line in the log.
 */
export default fp<{ log: Pick<ServiceLogger, 'request'> }>(
  async (app, { log }) => {
    const closing = new AbortController();
    app.decorate('closing', closing.signal);
    app.addHook('preClose', async () => closing.abort());

    app.decorateRequest('timings');
    app.addHook('onRequest', (request, reply, done) => {
      request.timings = new Timings();
      reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
      done();
    });
    app.addHook('onSend', (request, reply, _payload, done) => {
      reply.header('server-timing', request.timings.header());
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      log.request({
        request: request.id,
        method: request.method,
        path: pathOf(request),
        status: reply.statusCode,
        ms: Math.round(request.timings.total() * 10) / 10,
      });
      done();
    });
    app.addHook('onRequestAbort', (request, done) => {
      app.log.info(
        { request: request.id, method: request.method, path: pathOf(request) },
        'request aborted by the client',
      );
      done();
    });
  },
  { name: 'request-context' },
);

function pathOf(request: FastifyRequest): string {
  const end = request.url.indexOf('?');
  return end === -1 ? request.url : request.url.slice(0, end);
}
