import type { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import { clientGone } from '../../lib/http/client-gone.js';
import { createImport } from '../../lib/imports/create-import.js';
import { type ReceivedCsv, receiveCsv } from '../../lib/imports/receive.js';
import { askerOf } from '../asker.js';
import { answerJob, jobAnswer } from '../jobs/answer.js';
import { partsOf } from '../parts.js';
import { lingering, rawBody } from '../raw-body.js';
import { readCsvForm } from './csv-form.js';

// Boundaries and part headers come on top of the file.
const FORM_OVERHEAD_BYTES = 64 * 1024;
const csv = { type: 'string', description: 'A CSV whose first line names its columns' };

/** `POST /v1/imports`: takes a CSV whose rows name images, as a form or as the raw body. */
const create: FastifyPluginAsyncTypebox = async (app) => {
  const { maxImportBytes } = app.config;
  await app.register(multipart, { limits: { fileSize: Number.POSITIVE_INFINITY, files: 2, fields: 1 } });
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('text/csv', (_request, payload, done) => done(null, payload));

  app.post(
    '/imports',
    {
      bodyLimit: maxImportBytes + FORM_OVERHEAD_BYTES,
      config: { rateLimitClass: 'expensive', accepts: 'multipart/form-data, text/csv' },
      schema: {
        tags: ['imports'],
        summary: 'Import the images that the rows of a CSV name',
        description:
          'UTF-8, separated by commas, with a header. Columns: `url` or `path` (below the import folder), `filename`, `presets` (separated by `;`, `|` or spaces), `metadata.<name>`. Each row becomes a job, listed by `GET /v1/jobs?parentId=`; what a row has wrong stands in the report. With `Prefer: wait=N` the answer is held until all have ended.',
        body: {
          content: {
            'multipart/form-data': {
              schema: { type: 'object', required: ['file'], properties: { file: csv } },
            },
            'text/csv': { schema: csv },
          },
        },
        response: {
          200: jobAnswer('The client waited, and the import has ended'),
          202: jobAnswer('The import; its result counts its rows and their jobs'),
        },
      },
      validatorCompiler: () => () => true,
    },
    async (request, reply) => lingering(request, take(request, reply)),
  );

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // Before a large file is taken that would be refused afterwards.
    await request.timings.measure('queue', () => app.dispatcher.assertRoom());
    const received = await readCsv(request, reply);
    const job = await request.timings.measure('db', () =>
      createImport(partsOf(request), askerOf(request), received),
    );
    return answerJob(request, reply, job);
  }

  async function readCsv(request: FastifyRequest, reply: FastifyReply): Promise<ReceivedCsv> {
    const signal = clientGone(reply.raw);
    const receive = (source: Readable) => receiveCsv(source, app.store, { maxImportBytes }, signal);
    if (request.isMultipart()) return readCsvForm(request, receive);
    assertCharset(request);
    return receive(rawBody(request, maxImportBytes, 'a CSV'));
  }
};

export default create;

function assertCharset({ headers }: FastifyRequest): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset))
    throw new Problem('ENCODING_UNSUPPORTED', `The charset is ${charset}; an import takes utf-8.`);
}
