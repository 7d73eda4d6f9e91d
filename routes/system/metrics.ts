import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';

/** `/metrics`, for Prometheus. */
const metrics: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
    reply
      .headers({ 'content-type': app.metrics.contentType, 'cache-control': 'no-store' })
      .send(await app.metrics.text()),
  );
};

export default metrics;
