import type { FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import { isUuid } from '../../lib/ids.js';
import type { RenditionRow } from '../../lib/renditions/rendition.js';
import { findRendition } from '../../lib/renditions/repository.js';

/**
 * The rendition that a request's path names.
 *
 * @throws Problem RENDITION_NOT_FOUND (404), also for ids that are no UUIDs
 */
export async function requireRendition(
  request: FastifyRequest,
  { id, rid }: { id: string; rid: string },
): Promise<RenditionRow> {
  const { database } = request;
  const rendition =
    isUuid(id) && isUuid(rid)
      ? await request.timings.measure('db', () =>
          database.query('renditions.find', (sql) => findRendition(sql, request.tenantId, id, rid)),
        )
      : undefined;
  if (!rendition) throw new Problem('RENDITION_NOT_FOUND', 'The image has no rendition of this id.');
  return rendition;
}
