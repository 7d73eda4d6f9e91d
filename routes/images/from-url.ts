import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import { linger } from '../../lib/http/linger.js';
import type { ImageRow } from '../../lib/images/image.js';
import { findImage } from '../../lib/images/repository.js';
import { type JobRow, presentJob } from '../../lib/jobs/job.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { jobPath } from '../../lib/paths.js';
import { requestSource } from '../../lib/sources/request-source.js';
import { sourceRules } from '../../lib/sources/rules.js';
import { askerOf } from '../asker.js';
import { partsOf } from '../parts.js';
import { waitIfPreferred } from '../wait.js';
import { answerEnded } from './answer-upload.js';
import { readSourceBody } from './source-body.js';

const JSON_TYPE = /^application\/json\s*(;|$)/i;

/** Whether a request names the image by a URL, and does not bring it. */
export function namesUrl({ headers }: FastifyRequest): boolean {
  return JSON_TYPE.test(headers['content-type'] ?? '');
}

/**
 * Has a scope whose routes take large files parse JSON all the same: no more of it than any other route does.
 */
export function parseSmallJson(app: FastifyInstance): void {
  const { bodyLimit = 0 } = app.initialConfig;
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', (request, payload, done) => {
    readText(payload, bodyLimit).then(
      (text) => parse(request, text, done),
      (error) => {
        linger(request.raw);
        done(error);
      },
    );
  });
}

/**
 * `POST /v1/images` with a URL: has a job fetch the image, and make what is wanted of it. The answer is that of
 * an upload, but that there is no image before the job has it, and none at all where it does not get it.
 */
export async function fromUrl(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { server } = request;
  const { source, job: wanted } = readSourceBody(request.body, sourceRules(server.config));
  const job = await request.timings.measure('db', () =>
    requestSource(partsOf(request), askerOf(request), source, wanted),
  );
  const waited = (await waitIfPreferred(request, reply, job.id))?.row;
  if (!waited || !hasEnded(waited.state)) {
    reply.code(202).headers({ location: jobPath(job.id), 'retry-after': '1' });
    return reply.send({ job: presentJob(waited ?? job) });
  }
  const image = await imageOf(request, waited);
  return image
    ? answerEnded(request, reply, image, waited)
    : reply.header('location', jobPath(job.id)).send({ job: presentJob(waited) });
}

/** Undefined where the job did not get one, or it was deleted since. */
async function imageOf(
  { database, tenantId }: FastifyRequest,
  { imageId }: JobRow,
): Promise<ImageRow | undefined> {
  return imageId === null
    ? undefined
    : database.query('images.find', (sql) => findImage(sql, tenantId, imageId));
}

async function readText(payload: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of payload.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new Problem('BODY_TOO_LARGE', `The body is larger than ${maxBytes} bytes, the most taken here.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
