import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';

const Ready = Type.Object({
  status: Type.Enum(['ok', 'unavailable', 'draining']),
  checks: Type.Object({
    postgres: Type.String(),
    queue: Type.String(),
    store: Type.String(),
    worker: Type.String(),
  }),
});

/** `/healthz`: the process answers. `/readyz`: it can take work, and if not, what is missing. */
const health: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/healthz',
    {
      schema: {
        tags: ['system'],
        summary: 'Is the process alive?',
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
    },
    async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'ok' }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        tags: ['system'],
        summary: 'Can the service take work?',
        response: { 200: Ready, 503: { description: 'Not now; `checks` says why', ...Ready } },
      },
    },
    async (_request, reply) => {
      const checks = await app.health.check();
      const ok = Object.values(checks).every((state) => state === 'ok');
      const status = app.health.draining ? 'draining' : ok ? 'ok' : 'unavailable';
      return reply
        .code(status === 'ok' ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ status, checks });
    },
  );
};

export default health;
