import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ImageRow, presentImage } from '../../lib/images/image.js';
import { type JobRow, presentJob } from '../../lib/jobs/job.js';
import { imagePath } from '../../lib/paths.js';
import { presentRendition } from '../../lib/renditions/rendition.js';
import { findRenditions } from '../../lib/renditions/repository.js';

/** Answers an upload whose client has waited for its job's end: the image, with the renditions it has now. */
export async function answerEnded(
  { database }: FastifyRequest,
  reply: FastifyReply,
  image: ImageRow,
  job: JobRow,
): Promise<FastifyReply> {
  const renditions = await database.query('renditions.ofImage', (sql) => findRenditions(sql, [image.id]));
  return reply
    .code(201)
    .header('location', imagePath(image.id))
    .send({ image: presentImage(image, renditions.map(presentRendition)), job: presentJob(job) });
}
