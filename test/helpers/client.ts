import type { Image } from '../../lib/images/image.js';
import type { Job, RenditionSummary } from '../../lib/jobs/job.js';
import type { Rendition } from '../../lib/renditions/rendition.js';
import type { Answer, Api } from './contract.js';

/** The body of an upload's answer. */
export interface Uploaded {
  readonly image: Image;
  readonly job: Job;
}

/** The body of an error. */
export interface ProblemBody {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly instance: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

/** The body of a list. */
export interface ListBody<Row> {
  readonly data: readonly Row[];
  readonly pagination: {
    readonly limit: number;
    readonly nextCursor?: string | null;
    readonly previousCursor?: string | null;
    readonly page?: number;
    readonly pages?: number;
    readonly total?: number;
  };
}

/** What goes with the file of an upload. */
export interface UploadParts {
  readonly filename?: string;
  readonly presets?: readonly string[];
  readonly renditions?: unknown;
  readonly metadata?: unknown;
  /** `Prefer`. */
  readonly prefer?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The form of an upload, as `curl -F` sends it. */
export function formOf(file: Buffer, parts: UploadParts = {}): FormData {
  const form = new FormData();
  for (const preset of parts.presets ?? []) form.append('preset', preset);
  for (const name of ['renditions', 'metadata'] as const) {
    if (parts[name] !== undefined) form.append(name, JSON.stringify(parts[name]));
  }
  form.append('file', new Blob([new Uint8Array(file)]), parts.filename ?? 'picture.png');
  return form;
}

/** Uploads a form. */
export function upload<Body = Uploaded>(
  api: Api,
  file: Buffer,
  parts: UploadParts = {},
): Promise<Answer<Body>> {
  return api('/v1/images', {
    method: 'POST',
    body: formOf(file, parts),
    headers: { ...parts.headers, ...(parts.prefer !== undefined && { prefer: parts.prefer }) },
  });
}

/** Waits for a job's end by a long poll, as a client would. @throws Error when it has not ended in 30 s */
export async function ended(api: Api, job: Pick<Job, 'id'>): Promise<Job> {
  const { body } = await api<Job>(`/v1/jobs/${job.id}`, { headers: { prefer: 'wait=30' } });
  if (body.state === 'queued' || body.state === 'active') throw new Error(`the job is still ${body.state}`);
  return body;
}

/** Uploads a picture, waits for its renditions, and reads them. */
export async function uploadAndWait(
  api: Api,
  file: Buffer,
  parts: UploadParts,
): Promise<{ image: Image; job: Job; renditions: readonly Rendition[] }> {
  const { body } = await upload(api, file, parts);
  const job = await ended(api, body.job);
  if (job.state !== 'completed') throw new Error(`the job ${job.state}: ${job.error?.detail}`);
  const { body: image } = await api<Image>(`/v1/images/${body.image.id}`);
  return { image, job, renditions: image.renditions ?? [] };
}

/** The renditions that a resize job made; none before it has ended. */
export function madeBy({ result }: Pick<Job, 'result'>): readonly RenditionSummary[] {
  return result && 'renditions' in result ? result.renditions : [];
}
