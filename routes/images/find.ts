import type { FastifyRequest } from 'fastify';
import { Problem } from '../../lib/errors.js';
import { isUuid } from '../../lib/ids.js';
import type { ImageRow } from '../../lib/images/image.js';
import { findImage } from '../../lib/images/repository.js';

/**
 * The image that a request's path names.
 *
 * @throws Problem IMAGE_NOT_FOUND (404), also for an id that is no UUID
 */
export async function requireImage(request: FastifyRequest, id: string): Promise<ImageRow> {
  const { database } = request;
  const image = isUuid(id)
    ? await request.timings.measure('db', () =>
        database.query('images.find', (sql) => findImage(sql, request.tenantId, id)),
      )
    : undefined;
  if (!image) throw imageNotFound();
  return image;
}

/** The 404 of an image. */
export function imageNotFound(): Problem {
  return new Problem('IMAGE_NOT_FOUND', 'There is no image of this id.');
}
