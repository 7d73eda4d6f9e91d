import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { type ExportBody, exportBodySchema, readExportBody } from '../../lib/exports/body.js';
import { createExport } from '../../lib/exports/create-export.js';
import { presentExport } from '../../lib/exports/export.js';
import { presentJob } from '../../lib/jobs/job.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { exportPath, jobPath } from '../../lib/paths.js';
import { askerOf } from '../asker.js';
import { partsOf } from '../parts.js';
import { ref } from '../schemas.js';
import { waitIfPreferred } from '../wait.js';
import { requireExport } from './find.js';

const answer = (description: string) => ({
  description,
  type: 'object',
  required: ['export', 'job'],
  properties: { export: ref('Export'), job: ref('Job') },
});

const answers = {
  201: answer('The client waited, and the job has ended'),
  202: answer('The export, and the job that makes it'),
};

/** Asking for an export, and for the same once more. */
const create: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/exports',
    {
      config: { rateLimitClass: 'expensive' },
      // The schema is for the document: which filters there are depends on the dataset.
      validatorCompiler: () => () => true,
      schema: {
        tags: ['exports'],
        summary: 'Have an export made into a file',
        description:
          'Rows of one snapshot of the database, written at full speed and kept for a while; with `Prefer: wait=N` the answer is held until it is finished.',
        body: exportBodySchema,
        response: answers,
      },
    },
    async (request, reply) => make(request, reply, readExportBody(request.body, request.caller)),
  );

  app.post(
    '/exports/:id/repeat',
    {
      config: { rateLimitClass: 'expensive' },
      schema: {
        tags: ['exports'],
        summary: 'Make an export again, as it was asked for, from the rows as they are now',
        params: Type.Object({ id: Type.String() }),
        response: answers,
      },
    },
    async (request, reply) => {
      const { request: body } = await requireExport(request, request.params.id);
      // Read again: what was known when it was asked for may not be by now.
      return make(request, reply, readExportBody(body, request.caller));
    },
  );

  async function make(request: FastifyRequest, reply: FastifyReply, body: ExportBody): Promise<FastifyReply> {
    const { row, job } = await request.timings.measure('db', () =>
      createExport(partsOf(request), askerOf(request), body),
    );
    const waited = await waitIfPreferred(request, reply, job.id);
    if (!waited || !hasEnded(waited.row.state)) {
      return reply
        .code(202)
        .headers({ location: jobPath(job.id), 'retry-after': '1' })
        .send({ export: presentExport(row), job: presentJob(waited?.row ?? job) });
    }
    const ended = await requireExport(request, row.id);
    return reply
      .code(201)
      .header('location', exportPath(row.id))
      .send({ export: presentExport(ended), job: presentJob(waited.row) });
  }
};

export default create;
