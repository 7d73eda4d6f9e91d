import type { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientGone } from '../../lib/http/client-gone.js';
import { createImage, wantsRenditions } from '../../lib/images/create-image.js';
import { imageFilename } from '../../lib/images/filename.js';
import { type ImageRow, presentImage } from '../../lib/images/image.js';
import { acceptedContentTypes } from '../../lib/images/media-types.js';
import { receiveImage } from '../../lib/images/receive.js';
import { MAX_METADATA_BYTES } from '../../lib/images/schema.js';
import { type JobRow, presentJob } from '../../lib/jobs/job.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { imagePath, jobPath } from '../../lib/paths.js';
import { askerOf } from '../asker.js';
import { partsOf } from '../parts.js';
import { lingering, rawBody } from '../raw-body.js';
import { waitIfPreferred } from '../wait.js';
import { answerEnded } from './answer-upload.js';
import { fromUrl, namesUrl, parseSmallJson } from './from-url.js';
import { MAX_RENDITIONS, readForm, readRaw, type Upload } from './upload-form.js';
import { uploadSchema } from './upload-schema.js';

const MAX_FIELD_BYTES = 256 * 1024;
// Boundaries, part headers and the other fields come on top of the file.
const FORM_OVERHEAD_BYTES = MAX_METADATA_BYTES + MAX_FIELD_BYTES + 64 * 1024;

/**
 * `POST /v1/images`: takes an image, as a form or as the raw body, and starts what is wanted of it; or has it
 * fetched, where JSON names its URL.
 */
const upload: FastifyPluginAsyncTypebox = async (app) => {
  await app.register(multipart, {
    // The file itself is limited while it is spooled, where the limit can be named.
    limits: {
      fileSize: Number.POSITIVE_INFINITY,
      files: 2,
      fields: MAX_RENDITIONS + 4,
      fieldSize: MAX_FIELD_BYTES,
    },
  });
  parseSmallJson(app);
  app.addContentTypeParser(/^image\//, (_request, payload, done) => done(null, payload));

  app.post(
    '/images',
    {
      bodyLimit: app.config.maxUploadBytes + FORM_OVERHEAD_BYTES,
      config: {
        rateLimitClass: 'expensive',
        accepts: `multipart/form-data, application/json, ${acceptedContentTypes.join(', ')}`,
      },
      schema: uploadSchema,
      validatorCompiler: () => () => true,
    },
    async (request, reply) =>
      namesUrl(request) ? fromUrl(request, reply) : lingering(request, take(request, reply)),
  );

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { received, filename, metadata, wanted } = await readUpload(request, reply);
    try {
      if (wantsRenditions(wanted)) await request.timings.measure('queue', () => app.dispatcher.assertRoom());
    } catch (error) {
      await received.discard();
      throw error;
    }
    const about = { filename: imageFilename(filename, received.contentType), metadata };
    const { image, job } = await request.timings.measure('db', () =>
      createImage(partsOf(request), askerOf(request), received, about, wanted),
    );
    return job ? answerWithJob(request, reply, image, job) : answer(reply.code(201), image);
  }

  async function readUpload(request: FastifyRequest, reply: FastifyReply): Promise<Upload> {
    const signal = clientGone(reply.raw);
    const receive = (source: Readable) => receiveImage(source, app.store, app.config, signal);
    if (request.isMultipart()) return readForm(request, receive);
    return readRaw(request, rawBody(request, app.config.maxUploadBytes, 'an image'), receive);
  }

  async function answerWithJob(
    request: FastifyRequest,
    reply: FastifyReply,
    image: ImageRow,
    job: JobRow,
  ): Promise<FastifyReply> {
    const waited = await waitIfPreferred(request, reply, job.id);
    if (waited && hasEnded(waited.row.state)) return answerEnded(request, reply, image, waited.row);
    return reply
      .code(202)
      .headers({ location: jobPath(job.id), 'retry-after': '1' })
      .send({ image: presentImage(image), job: presentJob(waited?.row ?? job) });
  }
};

export default upload;

function answer(reply: FastifyReply, image: ImageRow): FastifyReply {
  return reply.header('location', imagePath(image.id)).send({ image: presentImage(image) });
}
