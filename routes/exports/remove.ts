import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../lib/errors.js';
import { exportExtension } from '../../lib/exports/format.js';
import { deleteExport } from '../../lib/exports/repository.js';
import { isUuid } from '../../lib/ids.js';
import { cancelJob } from '../../lib/jobs/cancel.js';
import { exportKey } from '../../lib/storage/keys.js';
import { partsOf } from '../parts.js';
import { exportNotFound } from './find.js';

/** `DELETE /v1/exports/{id}`: the export with its file; a job that still makes it is cancelled. */
const remove: FastifyPluginAsyncTypebox = async (app) => {
  app.delete(
    '/exports/:id',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['exports'],
        summary: 'Delete an export with its file',
        params: Type.Object({ id: Type.String() }),
        response: { 204: Type.Null({ description: 'Gone' }) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if (!isUuid(id)) throw exportNotFound();
      const jobId = await request.database.transaction('exports.delete', async (sql) => {
        const gone = await deleteExport(sql, request.tenantId, id);
        if (!gone) throw exportNotFound();
        // Before the row goes for good: a file that could not be removed would be known to nobody.
        await app.store.remove(exportKey(id, exportExtension(gone)));
        return gone.jobId;
      });
      // One that has ended stays as it is; one that could not be told finds its export gone, and fails.
      await cancelJob(partsOf(request), request.tenantId, jobId).catch((error) => {
        if (!(error instanceof Problem && error.code === 'JOB_ENDED'))
          request.log.warn({ err: error, job: jobId }, 'the job of a deleted export is not cancelled');
      });
      return reply.code(204).send(null);
    },
  );
};

export default remove;
