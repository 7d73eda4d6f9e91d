import { randomBytes } from 'node:crypto';
import type { Job } from '../../lib/jobs/job.js';
import { type Answer, get, jsonOf, send } from './http.js';
import type { Photograph } from './photographs.js';

/** What every upload asks for, as the comparison makes it. */
export const RENDITION = { width: 512, format: 'jpeg', quality: 80 } as const;

/** How a client goes about it. */
export interface UploadOptions {
  readonly renditions?: readonly object[];
  /** Ask for the answer when the job has ended (`Prefer: wait`), in seconds. */
  readonly waitSeconds?: number;
  /** Such as a key. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The parts of the job that are used here, as the API sends it. */
export type JobAnswer = Pick<Job, 'id' | 'state' | 'createdAt' | 'finishedAt' | 'error'>;

const BOUNDARY = 'halftone-bench-6f1c2a';
const WAIT_SECONDS = 60;

/** Uploads a photograph as a form, as curl does, and returns the job that resizes it. */
export async function upload(
  origin: string,
  photo: Photograph,
  { renditions = [RENDITION], waitSeconds, headers }: UploadOptions = {},
): Promise<JobAnswer> {
  const head = [
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="renditions"\r\n\r\n${JSON.stringify(renditions)}\r\n`,
    `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n`,
    `Content-Type: ${photo.contentType}\r\n\r\n`,
  ];
  const answer = await send(
    `${origin}/v1/images`,
    'POST',
    {
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      ...(waitSeconds !== undefined && { prefer: `wait=${waitSeconds}` }),
      ...headers,
    },
    // Bytes after the image's end make each upload a new one; no decoder reads them.
    [Buffer.from(head.join('')), photo.data, randomBytes(16), Buffer.from(`\r\n--${BOUNDARY}--\r\n`)],
  );
  return jsonOf<{ job: JobAnswer }>(answer, 201, 202).job;
}

/** Has some clients upload the photographs in turn, each of them one after the other. */
export async function uploadAll(
  count: number,
  clients: number,
  one: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** One of some photographs; they come round and round. */
export function photoAt(photos: readonly Photograph[], index: number): Photograph {
  const photo = photos[index % photos.length];
  if (photo === undefined) throw new Error('there are no photographs');
  return photo;
}

/** Waits for a job's end by long poll. @throws Error when it does not complete */
export async function completed(origin: string, id: string): Promise<JobAnswer> {
  for (;;) {
    const answer: Answer = await get(`${origin}/v1/jobs/${id}`, { prefer: `wait=${WAIT_SECONDS}` });
    const job = jsonOf<JobAnswer>(answer, 200);
    if (job.state === 'completed') return job;
    if (job.state === 'failed' || job.state === 'cancelled') {
      throw new Error(`job ${id} ${job.state}: ${job.error?.detail}`);
    }
  }
}

/** Waits until all of some jobs have completed, the last first: once it has ended, most have. */
export async function allCompleted(origin: string, ids: readonly string[]): Promise<void> {
  for (const id of [...ids].reverse()) await completed(origin, id);
}
