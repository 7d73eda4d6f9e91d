import type { FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import type { ExportRow } from '../../lib/exports/export.js';
import { findExport } from '../../lib/exports/repository.js';
import { isUuid } from '../../lib/ids.js';

/**
 * The export that a request's path names.
 *
 * @throws Problem EXPORT_NOT_FOUND (404), also for an id that is no UUID
 */
export async function requireExport(request: FastifyRequest, id: string): Promise<ExportRow> {
  const { database } = request;
  const found = isUuid(id)
    ? await request.timings.measure('db', () =>
        database.query('exports.find', (sql) => findExport(sql, request.tenantId, id)),
      )
    : undefined;
  if (!found) throw exportNotFound();
  return found;
}

/** The 404 of an export. */
export function exportNotFound(): Problem {
  return new Problem('EXPORT_NOT_FOUND', 'There is no export of this id.');
}
