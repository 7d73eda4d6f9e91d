import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { originalKey } from '../../lib/storage/keys.js';
import { fileAnswers } from '../schemas.js';
import { sendBlob } from '../send-blob.js';
import { requireImage } from './find.js';

/** The bytes of an original. Always as an attachment: they are a stranger's. */
const content: FastifyPluginAsyncTypebox = async (app) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/images/:id/content',
    config: { rateLimitClass: 'general', isLinkable: true },
    schema: {
      tags: ['images'],
      summary: 'Download the original',
      params: Type.Object({ id: Type.String() }),
      response: fileAnswers,
    },
    handler: async (request, reply) => {
      const image = await requireImage(request, request.params.id);
      return sendBlob(request, reply, {
        key: originalKey(image.sha256),
        bytes: image.bytes,
        sha256: image.sha256,
        contentType: image.contentType,
        modifiedAt: image.createdAt,
        disposition: 'attachment',
        filename: image.filename,
      });
    },
  });
};

export default content;
