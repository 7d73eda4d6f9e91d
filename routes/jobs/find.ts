import { Problem } from '../../lib/errors.js';

/** The 404 of a job. */
export function jobNotFound(): Problem {
  return new Problem('JOB_NOT_FOUND', 'There is no job of this id.');
}
