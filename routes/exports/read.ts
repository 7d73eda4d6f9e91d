import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { presentExport } from '../../lib/exports/export.js';
import { exportList } from '../../lib/exports/repository.js';
import { ExportSchema } from '../../lib/exports/schema.js';
import { listRows } from '../../lib/lists/list.js';
import { listAnswer, listQuery, ref } from '../schemas.js';
import { sendList } from '../send-list.js';
import { requireExport } from './find.js';

/** Reading exports: the list, and one. */
const read: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/exports',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['exports'],
        summary: 'List exports',
        querystring: listQuery(exportList),
        response: { 200: listAnswer(ExportSchema) },
      },
    },
    async (request, reply) => {
      const listing = await request.timings.measure('db', () =>
        listRows(request.database, exportList, request.tenantId, request.query),
      );
      return sendList(request, reply, listing, presentExport);
    },
  );

  app.get(
    '/exports/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['exports'],
        summary: 'One export',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ref('Export') },
      },
    },
    async (request) => presentExport(await requireExport(request, request.params.id)),
  );
};

export default read;
