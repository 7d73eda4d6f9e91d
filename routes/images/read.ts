import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { datasetFor, imageAudit } from '../../lib/audit.js';
import type { ImageRow } from '../../lib/images/image.js';
import { imageEtag, presentImage } from '../../lib/images/image.js';
import { imageDataset } from '../../lib/images/repository.js';
import { ImageSchema } from '../../lib/images/schema.js';
import { parseFields, pickFields } from '../../lib/lists/fields.js';
import { listRows } from '../../lib/lists/list.js';
import { presentRendition, type RenditionRow } from '../../lib/renditions/rendition.js';
import { findRenditions } from '../../lib/renditions/repository.js';
import { listAnswer, listQuery, sparse } from '../schemas.js';
import { sendList } from '../send-list.js';
import { requireImage } from './find.js';

/** Reading images: the list, and one with its renditions. */
const read: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/images',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['images'],
        summary: 'List images',
        querystring: listQuery(imageDataset),
        response: { 200: listAnswer(ImageSchema) },
      },
    },
    async (request, reply) => {
      const listing = await request.timings.measure('db', () =>
        listRows(request.database, datasetFor(imageDataset, request.caller), request.tenantId, request.query),
      );
      // Related rows come with one query a page, and only when a field of theirs is asked for.
      const renditions = listing.fields?.['renditions']
        ? await renditionsOf(
            request,
            listing.rows.map(({ id }) => id),
          )
        : undefined;
      return sendList(request, reply, listing, (row: ImageRow) => ({
        ...presentImage(row, renditions?.filter(({ imageId }) => imageId === row.id).map(presentRendition)),
        ...imageAudit(request.caller, row),
      }));
    },
  );

  app.get(
    '/images/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['images'],
        summary: 'One image, with its renditions',
        params: Type.Object({ id: Type.String() }),
        querystring: Type.Object(
          { fields: Type.Optional(Type.String({ minLength: 1 })) },
          { additionalProperties: false },
        ),
        response: { 200: sparse(ImageSchema) },
      },
    },
    async (request, reply) => {
      const { fields: text } = request.query;
      const fields =
        text === undefined
          ? undefined
          : parseFields(text, datasetFor(imageDataset, request.caller).schema, 'fields');
      const image = await requireImage(request, request.params.id);
      const renditions = await request.timings.measure('db', () => renditionsOf(request, [image.id]));
      const shown = {
        ...presentImage(image, renditions.map(presentRendition)),
        ...imageAudit(request.caller, image),
      };
      return reply
        .headers({
          etag: imageEtag(image, renditions),
          'cache-control': 'private, max-age=0, must-revalidate',
        })
        .send(fields ? pickFields(shown, fields) : shown);
    },
  );
};

export default read;

function renditionsOf({ database }: FastifyRequest, imageIds: readonly string[]): Promise<RenditionRow[]> {
  return database.query('renditions.ofImages', (sql) => findRenditions(sql, imageIds));
}
