import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { invalidField, Problem } from '../../lib/errors.js';
import { matchesIfNoneMatch } from '../../lib/http/conditional.js';
import { plainFilename } from '../../lib/http/content-disposition.js';
import { isUuid } from '../../lib/ids.js';
import { imageEtag, presentImage } from '../../lib/images/image.js';
import { checkMetadata } from '../../lib/images/metadata.js';
import { deleteImage, updateImage } from '../../lib/images/repository.js';
import { presentRendition } from '../../lib/renditions/rendition.js';
import { findRenditions } from '../../lib/renditions/repository.js';
import { ref } from '../schemas.js';
import { imageNotFound, requireImage } from './find.js';

/** Changing what is said of an image, and deleting it. */
const change: FastifyPluginAsyncTypebox = async (app) => {
  const params = Type.Object({ id: Type.String() });

  app.patch(
    '/images/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['images'],
        summary: 'Rename an image or replace its metadata',
        description: 'Takes `If-Match` with the entity tag that the image was read with.',
        params,
        headers: Type.Object({ 'if-match': Type.Optional(Type.String()) }),
        body: Type.Object(
          {
            filename: Type.Optional(Type.String({ minLength: 1, maxLength: 5000 })),
            metadata: Type.Optional(Type.Object({}, { additionalProperties: true })),
          },
          { additionalProperties: false, minProperties: 1 },
        ),
        response: { 200: ref('Image') },
      },
    },
    async (request, reply) => {
      const condition = request.headers['if-match'];
      if (condition === undefined) {
        throw new Problem(
          'PRECONDITION_REQUIRED',
          'The request has no If-Match; it takes the ETag of the image that was read.',
        );
      }
      const { filename: name, metadata } = request.body;
      const filename = name === undefined ? undefined : plainFilename(name);
      if (filename === '')
        throw invalidField('filename', 'has nothing left once it is made safe; it takes a file name');
      const checked = metadata === undefined ? undefined : checkMetadata(metadata);
      const image = await requireImage(request, request.params.id);
      const renditions = await request.database.query('renditions.ofImage', (sql) =>
        findRenditions(sql, [image.id]),
      );
      // If-Match compares strongly (RFC 9110, 13.1.1), and our tags of JSON are weak; but they count
      // every change of the row, so to accept them here loses no update.
      const changed = matchesIfNoneMatch(condition, imageEtag(image, renditions))
        ? await request.database.query('images.update', (sql) =>
            updateImage(sql, image, {
              ...(filename !== undefined && { filename }),
              ...(checked && { metadata: checked }),
            }),
          )
        : undefined;
      if (!changed) throw new Problem('PRECONDITION_FAILED', 'The image has changed since it was read.');
      return reply
        .header('etag', imageEtag(changed, renditions))
        .send(presentImage(changed, renditions.map(presentRendition)));
    },
  );

  app.delete(
    '/images/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['images'],
        summary: 'Delete an image with its renditions',
        params,
        response: { 204: Type.Null({ description: 'Gone' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const deleted = isUuid(id) && (await deleteImage(request.database, app.store, request.tenantId, id));
      if (!deleted) throw imageNotFound();
      return reply.code(204).send(null);
    },
  );
};

export default change;
