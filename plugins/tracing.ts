import fp from 'fastify-plugin';
import { closeRequestSpan, isTracing, type OpenSpan, openRequestSpan } from '../lib/telemetry/tracing.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The request's span, where an OpenTelemetry SDK is loaded. */
    traceSpan: OpenSpan | undefined;
  }
}

/** A span for each request. Without an OpenTelemetry SDK there are not even the hooks. */
export default fp(
  async (app) => {
    if (!isTracing()) return;
    app.decorateRequest('traceSpan');
    app.addHook('onRequest', (request, _reply, done) => {
      const route = request.routeOptions.url;
      const attributes = {
        'http.request.method': request.method,
        'url.path': request.url.split('?', 1)[0] ?? '',
        ...(route !== undefined && { 'http.route': route }),
      };
      request.traceSpan = openRequestSpan(
        { name: `${request.method} ${route ?? 'none'}`, attributes },
        request.headers,
      );
      request.traceSpan.enter(done);
    });
    // A body comes by events of its socket, which know nothing of the request's context.
    app.addHook('preValidation', (request, _reply, done) => {
      if (request.traceSpan) request.traceSpan.enter(done);
      else done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      if (request.traceSpan) closeRequestSpan(request.traceSpan, reply.statusCode);
      done();
    });
  },
  { name: 'tracing', dependencies: ['request-context'] },
);
