import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../lib/errors.js';
import { isUuid } from '../../lib/ids.js';
import { uploadNotFound } from '../../lib/uploads/locks.js';
import { findUpload } from '../../lib/uploads/repository.js';
import { presentUpload } from '../../lib/uploads/upload.js';
import { ref } from '../schemas.js';

/** `GET /v1/uploads/{id}`: what became of an upload in parts. `HEAD` is tus's. */
const read: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/uploads/:id',
    {
      exposeHeadRoute: false,
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['uploads'],
        summary: 'What became of an upload in parts',
        params: Type.Object({ id: Type.String() }),
        response: { 200: ref('Upload') },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const row = isUuid(id)
        ? await request.timings.measure('db', () =>
            request.database.query('uploads.find', (sql) => findUpload(sql, request.tenantId, id)),
          )
        : undefined;
      if (!row) throw uploadNotFound();
      if (row.expiresAt.getTime() < Date.now() && row.imageId === null)
        throw new Problem('UPLOAD_EXPIRED', 'The upload took too long; begin anew.');
      return reply.header('cache-control', 'no-store').send(presentUpload(row));
    },
  );
};

export default read;
