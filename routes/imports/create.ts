import type { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import { clientGone } from '../../lib/http/client-gone.js';
import { linger } from '../../lib/http/linger.js';
import { createImport } from '../../lib/imports/create-import.js';
import { type ReceivedCsv, receiveCsv } from '../../lib/imports/receive.js';
import { presentJob } from '../../lib/jobs/job.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { jobPath } from '../../lib/paths.js';
import { askerOf } from '../asker.js';
import { jobAnswer } from '../jobs/answer.js';
import { waitIfPreferred } from '../wait.js';
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
    async (request, reply) => {
      try {
        return await take(request, reply);
      } catch (error) {
        linger(request.raw);
        throw error;
      }
    },
  );

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // Before a large file is taken that would be refused afterwards.
    await request.timings.measure('queue', () => app.dispatcher.assertRoom());
    const received = await readCsv(request, reply);
    const job = await request.timings.measure('db', () => createImport(app, askerOf(request), received));
    const waited = await waitIfPreferred(request, reply, job.id);
    if (waited && hasEnded(waited.row.state)) return reply.send({ job: presentJob(waited.row) });
    return reply
      .code(202)
      .headers({ location: jobPath(job.id), 'retry-after': '1' })
      .send({ job: presentJob(waited?.row ?? job) });
  }

  async function readCsv(request: FastifyRequest, reply: FastifyReply): Promise<ReceivedCsv> {
    const signal = clientGone(reply.raw);
    const receive = (source: Readable) => receiveCsv(source, app.store, { maxImportBytes }, signal);
    if (request.isMultipart()) return readCsvForm(request, receive);
    assertReadable(request, maxImportBytes);
    if (!isStream(request.body))
      throw new Problem('BODY_EMPTY', 'The request has no body; it takes a CSV, or a form with one.');
    return receive(request.body);
  }
};

export default create;

/** What its head says already is refused before a byte of the body is read. */
function assertReadable({ headers }: FastifyRequest, maxBytes: number): void {
  if (Number(headers['content-length'] ?? 0) > maxBytes)
    throw new Problem('UPLOAD_TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most taken here.`);
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset))
    throw new Problem('ENCODING_UNSUPPORTED', `The charset is ${charset}; an import takes utf-8.`);
}

function isStream(body: unknown): body is Readable {
  return typeof body === 'object' && body !== null && 'pipe' in body;
}
