import fastifyEtag from '@fastify/etag';
import fp from 'fastify-plugin';
import { matchesIfNoneMatch } from '../lib/http/conditional.js';

/**
 * Weak entity tags for JSON, and conditional GETs by RFC 9110: lists of tags and `*` too, which the
 * plugin that makes the tags does not read.
 */
export default fp(
  async (app) => {
    await app.register(fastifyEtag, { weak: true, replyWith304: false });
    app.addHook('onRoute', ({ method, schema }) => {
      if (method !== 'GET' || !schema || typeof schema.response !== 'object') return;
      schema.response = { ...schema.response, 304: { description: 'The client has it', type: 'null' } };
    });
    app.addHook('onSend', (request, reply, payload, done) => {
      const etag = reply.getHeader('etag');
      if ((request.method !== 'GET' && request.method !== 'HEAD') || reply.statusCode !== 200) {
        // The plugin tags every body, but the tag of an error or of a write's answer names nothing.
        reply.removeHeader('etag');
        return done(null, payload);
      }
      if (typeof etag !== 'string' || !matchesIfNoneMatch(request.headers['if-none-match'], etag)) {
        return done(null, payload);
      }
      reply.code(304).removeHeader('content-type').removeHeader('content-length');
      return done(null, null);
    });
  },
  { name: 'etag' },
);
