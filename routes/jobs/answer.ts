import type { FastifyReply, FastifyRequest } from 'fastify';
import { type JobRow, presentJob } from '../../lib/jobs/job.js';
import { hasEnded } from '../../lib/jobs/state.js';
import { jobPath } from '../../lib/paths.js';
import { ref } from '../schemas.js';
import { waitIfPreferred } from '../wait.js';

/** The schema of an answer `{ job }`. */
export function jobAnswer(description: string) {
  return { description, type: 'object', required: ['job'], properties: { job: ref('Job') } };
}

/**
 * Answers with a job: 200 where it has ended, or does while the client waits as it prefers; else 202, and
 * where to look for it.
 */
export async function answerJob(
  request: FastifyRequest,
  reply: FastifyReply,
  job: JobRow,
): Promise<FastifyReply> {
  const waited = hasEnded(job.state) ? undefined : await waitIfPreferred(request, reply, job.id);
  const row = waited?.row ?? job;
  if (!hasEnded(row.state)) reply.code(202).headers({ location: jobPath(row.id), 'retry-after': '1' });
  return reply.send({ job: presentJob(row) });
}
