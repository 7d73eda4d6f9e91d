import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem, problems } from '../../lib/errors.js';

/** `/problems/{code}`: where a problem's `type` leads (RFC 9457, section 3.1.1). */
const problemTypes: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/problems/:code',
    {
      schema: {
        tags: ['system'],
        summary: 'What a problem code means',
        params: Type.Object({ code: Type.String() }),
        response: { 200: Type.Object({ code: Type.String(), status: Type.Integer(), title: Type.String() }) },
      },
    },
    async (request) => {
      const known = Object.entries(problems).find(([code]) => code === request.params.code);
      if (!known) throw new Problem('NOT_FOUND', 'There is no problem of this code.');
      const [code, { status, title }] = known;
      return { code, status, title };
    },
  );
};

export default problemTypes;
