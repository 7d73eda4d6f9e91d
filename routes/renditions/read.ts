import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { listRows } from '../../lib/lists/list.js';
import { presentRendition } from '../../lib/renditions/rendition.js';
import { renditionDataset } from '../../lib/renditions/repository.js';
import { RenditionSchema } from '../../lib/renditions/schema.js';
import { requireImage } from '../images/find.js';
import { listAnswer, listQuery, ref } from '../schemas.js';
import { sendList } from '../send-list.js';
import { requireRendition } from './find.js';

/** Reading what is known of renditions. */
const read: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/images/:id/renditions',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['renditions'],
        summary: 'List the renditions of an image',
        params: Type.Object({ id: Type.String() }),
        querystring: listQuery(renditionDataset, 'imageId'),
        response: { 200: listAnswer(RenditionSchema) },
      },
    },
    async (request, reply) => {
      const image = await requireImage(request, request.params.id);
      const listing = await request.timings.measure('db', () =>
        listRows(request.database, renditionDataset, request.tenantId, request.query, (sql) => [
          sql`image_id = ${image.id}`,
        ]),
      );
      return sendList(request, reply, listing, presentRendition);
    },
  );

  app.get(
    '/images/:id/renditions/:rid',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['renditions'],
        summary: 'One rendition',
        params: Type.Object({ id: Type.String(), rid: Type.String() }),
        response: { 200: ref('Rendition') },
      },
    },
    async (request, reply) => {
      const rendition = await requireRendition(request, request.params);
      return reply
        .header('cache-control', 'private, max-age=0, must-revalidate')
        .send(presentRendition(rendition));
    },
  );
};

export default read;
