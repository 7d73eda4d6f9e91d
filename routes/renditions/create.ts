import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { invalidField } from '../../lib/errors.js';
import { priorities } from '../../lib/jobs/job.js';
import { parseRunAt, RunAt } from '../../lib/jobs/run-at.js';
import { presentRendition } from '../../lib/renditions/rendition.js';
import { requestRenditions } from '../../lib/renditions/request-renditions.js';
import { askerOf } from '../asker.js';
import { requireImage } from '../images/find.js';
import { MAX_RENDITIONS, readRenditions } from '../images/upload-form.js';
import { answerJob, jobAnswer } from '../jobs/answer.js';
import { partsOf } from '../parts.js';
import { ref } from '../schemas.js';

/** `POST /v1/images/{id}/renditions`: asks for more renditions of an image. */
const create: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/images/:id/renditions',
    {
      config: { rateLimitClass: 'expensive' },
      schema: {
        tags: ['renditions'],
        summary: 'Ask for renditions of an image',
        params: Type.Object({ id: Type.String() }),
        body: Type.Object(
          {
            // What each holds is checked where every way of asking is: its errors say more.
            renditions: Type.Array(Type.Unsafe<unknown>({ description: 'Rendition options' }), {
              default: [],
              maxItems: MAX_RENDITIONS,
            }),
            presets: Type.Array(Type.String(), { default: [], maxItems: MAX_RENDITIONS }),
            priority: Type.Enum([...priorities], { default: 'normal' }),
            runAt: Type.Optional(RunAt),
          },
          { additionalProperties: false },
        ),
        response: {
          200: {
            description: 'All of them stand already; or, where the client waited, the ended job',
            type: 'object',
            properties: { renditions: { type: 'array', items: ref('Rendition') }, job: ref('Job') },
          },
          202: jobAnswer('The job that makes them'),
        },
      },
    },
    async (request, reply) => {
      const { renditions, presets, priority, runAt } = request.body;
      if (renditions.length + presets.length === 0) {
        throw invalidField(
          'renditions',
          'are none, and there are no presets either; it takes at least one of them',
        );
      }
      const wanted = {
        presets,
        presetsPath: 'presets',
        renditions: readRenditions(renditions, 'renditions'),
        priority,
        runAt: parseRunAt(runAt, 'runAt'),
      };
      const image = await requireImage(request, request.params.id);
      const outcome = await request.timings.measure('db', () =>
        requestRenditions(partsOf(request), askerOf(request), image, wanted),
      );
      if (outcome.kind === 'standing')
        return reply.send({ renditions: outcome.renditions.map(presentRendition) });
      return answerJob(request, reply, outcome.job);
    },
  );
};

export default create;
