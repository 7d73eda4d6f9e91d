import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { renditionFilename } from '../../lib/renditions/rendition.js';
import { renditionKey } from '../../lib/storage/keys.js';
import { requireImage } from '../images/find.js';
import { fileAnswers } from '../schemas.js';
import { sendBlob } from '../send-blob.js';
import { requireRendition } from './find.js';

/** The bytes of a rendition, to be shown. */
const content: FastifyPluginAsyncTypebox = async (app) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/images/:id/renditions/:rid/content',
    config: { rateLimitClass: 'general', isLinkable: true },
    schema: {
      tags: ['renditions'],
      summary: 'Download a rendition',
      params: Type.Object({ id: Type.String(), rid: Type.String() }),
      querystring: Type.Object({
        download: Type.Optional(
          Type.Enum(['1'], { description: 'Have a browser store the file instead of showing it' }),
        ),
      }),
      response: fileAnswers,
    },
    handler: async (request, reply) => {
      const found = requireImage(request, request.params.id);
      // Awaited last: where both are missing, it is always the rendition that is named.
      found.catch(() => undefined);
      const rendition = await requireRendition(request, request.params);
      const image = await found;
      return sendBlob(request, reply, {
        key: renditionKey(image.sha256, rendition.optionsHash, rendition.extension),
        bytes: rendition.bytes,
        sha256: rendition.sha256,
        contentType: rendition.contentType,
        modifiedAt: rendition.createdAt,
        disposition: request.query.download === '1' ? 'attachment' : 'inline',
        filename: renditionFilename(image.filename, rendition),
      });
    },
  });
};

export default content;
