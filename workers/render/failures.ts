import { Problem, storageProblem } from '../../lib/errors.js';
import { UndecodableHeic } from './heic/decode.js';

/** Words of libvips, its decoders and V8 for memory that they did not get. */
const outOfMemory = /out of memory|allocate memory|memory allocation error|allocation failed/i;
/** Words of libvips and sharp for what the file is not to blame for: another attempt may go well. */
const notTheFile = /input file is missing|unable to open/i;

/**
 * Runs a pipeline that reads the uploaded file and gives its failure a name.
 *
 * @throws Problem INPUT_TOO_MANY_PIXELS, JOB_TIMED_OUT, IMAGE_CORRUPT
 * @throws Error as it came when neither the image nor the request is at fault
 */
export async function readingImage<T>(run: () => Promise<T>, maxInputPixels: number): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw imageProblem(error, maxInputPixels);
  }
}

/**
 * Runs a pipeline that starts from our own pixels: the file has been read, so only time can run out.
 *
 * @throws Problem JOB_TIMED_OUT
 */
export async function readingPixels<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof Error && error.message.startsWith('timeout:') ? timedOut() : error;
  }
}

function imageProblem(error: unknown, maxInputPixels: number): unknown {
  if (!(error instanceof Error) || error instanceof Problem) return error;
  if (notTheFile.test(error.message) || outOfMemory.test(error.message)) return error;
  const [reason = ''] = error.message.split('\n');
  if (reason.includes('exceeds pixel limit')) return tooManyPixels(error, maxInputPixels);
  if (reason.startsWith('timeout:')) return timedOut();
  return corrupt(error, reason);
}

/** The problem that the HEIC decoder's failure is; every other error as it is. */
export function heicProblem(error: unknown, maxInputPixels: number): unknown {
  if (!(error instanceof UndecodableHeic)) return error;
  return error.isTooLarge ? tooManyPixels(error, maxInputPixels) : corrupt(error, error.message);
}

function tooManyPixels(cause: Error, maxInputPixels: number): Problem {
  return new Problem(
    'INPUT_TOO_MANY_PIXELS',
    `The image has more than ${maxInputPixels} pixels over all its frames, the most that is decoded.`,
    { cause },
  );
}

function corrupt(cause: Error, reason: string): Problem {
  // The decoders' words help, but some of them name a path on disk.
  const detail = reason === '' || reason.includes('/') ? '' : ` (${reason})`;
  return new Problem('IMAGE_CORRUPT', `The image is damaged or not whole${detail}.`, { cause });
}

/** The problem of a task that ran out of its time. */
export function timedOut(): Problem {
  return new Problem('JOB_TIMED_OUT', 'The renditions were not ready within the time a job has.');
}

/** The problem behind a failed task, or undefined when it is no one's fault and may be tried again. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof Error && !(error instanceof Problem) && outOfMemory.test(error.message)) {
    return new Problem(
      'DECODER_OUT_OF_MEMORY',
      'The image takes more memory to work on than the worker process may have.',
      { cause: error },
    );
  }
  const known = storageProblem(error);
  return known instanceof Problem ? known : undefined;
}
