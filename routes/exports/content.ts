import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../lib/errors.js';
import type { ExportRow } from '../../lib/exports/export.js';
import { exportContentType, exportExtension, exportFilename } from '../../lib/exports/format.js';
import { exportKey } from '../../lib/storage/keys.js';
import { fileAnswers } from '../schemas.js';
import { sendBlob } from '../send-blob.js';
import { requireExport } from './find.js';

/** The file of a finished export. */
const content: FastifyPluginAsyncTypebox = async (app) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/exports/:id/content',
    config: { rateLimitClass: 'general', isLinkable: true },
    schema: {
      tags: ['exports'],
      summary: 'Download the file of an export',
      params: Type.Object({ id: Type.String() }),
      response: fileAnswers,
    },
    handler: async (request, reply) => {
      const row = await requireExport(request, request.params.id);
      const { bytes, sha256, finishedAt } = finished(row);
      const extension = exportExtension(row);
      return sendBlob(request, reply, {
        key: exportKey(row.id, extension),
        bytes,
        sha256,
        contentType: exportContentType(row),
        modifiedAt: finishedAt,
        disposition: 'attachment',
        filename: exportFilename(row.dataset, extension, row.createdAt),
      });
    },
  });
};

export default content;

/** What is known of a file that stands. @throws Problem EXPORT_EXPIRED (410), EXPORT_NOT_READY (409) */
function finished({ state, bytes, sha256, finishedAt, expiresAt }: ExportRow) {
  if (state === 'expired') {
    throw new Problem(
      'EXPORT_EXPIRED',
      `The file went on ${expiresAt?.toISOString()}; repeat the export to have it made again.`,
    );
  }
  if (state !== 'completed' || bytes === null || sha256 === null || finishedAt === null) {
    const unfinished = state === 'queued' || state === 'active';
    throw new Problem('EXPORT_NOT_READY', `The export is ${state}.`, unfinished ? { retryAfter: 1 } : {});
  }
  return { bytes, sha256, finishedAt };
}
