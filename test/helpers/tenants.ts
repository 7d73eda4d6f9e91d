import type { Export } from '../../lib/exports/export.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ListBody, madeBy, upload } from './client.js';
import type { Api } from './contract.js';
import { eventually } from './events.js';
import { makeKey } from './keys.js';
import { picture } from './pictures.js';
import { begin } from './tus.js';

/** One of everything that a tenant can have: its ids, and the names that nobody else has. */
export interface Things {
  readonly tenant: string;
  /** Stands in every text that the tenant sets itself. */
  readonly mark: string;
  readonly image: string;
  readonly rendition: string;
  readonly resize: string;
  readonly export: string;
  readonly exportJob: string;
  readonly batch: string;
  readonly import: string;
  readonly schedule: string;
  readonly webhook: string;
  /** Its job has the same id. */
  readonly delivery: string;
  readonly preset: string;
  readonly key: string;
  readonly upload: string;
}

/** A tenant: a client with the key of its admin, and what it has. */
export interface Tenant {
  readonly api: Api;
  /** The token of the client's key. */
  readonly token: string;
  readonly things: Things;
}

/** Where the world outside is, for those who fetch and are told. */
export interface Outside {
  /** Answers every GET with another picture, and every POST with 204. */
  readonly url: string;
}

// What the webhook is told of: two images, six jobs, a batch and an export.
const DELIVERIES = 2 + 6 + 1 + 1;

/** Gives a tenant one of everything, finished where it can finish. */
export async function makeTenant(
  operator: Api,
  stranger: Api,
  tenant: string,
  { url }: Outside,
): Promise<Tenant> {
  const { key, api } = await makeKey(operator, stranger, { tenant, role: 'admin' });
  const mark = `mark-of-${tenant}`;
  const make = async <Body>(path: string, json: unknown, method = 'POST'): Promise<Body> => {
    const { status, body, bytes } = await api<Body>(path, { method, json });
    if (status >= 300) throw new Error(`${method} ${path} → ${status}: ${bytes}`);
    return body;
  };
  const preset = `${mark}-preset`;
  await make(`/v1/presets/${preset}`, { width: 9 }, 'PUT');
  const webhook = await make<{ id: string }>('/v1/webhooks', { url: `${url}/${mark}`, events: ['*'] });
  const parts = { presets: [preset], filename: `${mark}.png`, metadata: { mark } };
  const { body: uploaded, status, bytes } = await upload(api, await picture(), parts);
  if (status !== 202) throw new Error(`POST /v1/images → ${status}: ${bytes}`);
  const { image, job } = uploaded;
  const [rendition] = madeBy(await ended(api, job));
  const asked = await make<{ export: Export; job: Job }>('/v1/exports', {
    dataset: 'images',
    format: 'csv',
    notify: { webhookId: webhook.id },
  });
  const batch = await make<{ job: Job }>('/v1/batches', { images: [image.id], renditions: [{ width: 5 }] });
  const imported = await importOne(api, `${url}/${mark}.png`, preset);
  for (const each of [asked.job, batch.job, imported]) await ended(api, each);
  const schedule = await make<{ id: string }>('/v1/schedules', {
    name: mark,
    cron: '0 0 1 1 *',
    run: { batch: { images: [image.id], renditions: [{ width: 6 }] } },
  });
  const delivery = await eventually(async () => {
    const { body } = await api<ListBody<{ id: string; state: string }>>(
      `/v1/webhooks/${webhook.id}/deliveries?state=completed`,
    );
    // The last of them: what is still under way would change while it is looked at.
    return body.data.length === DELIVERIES ? body.data[0] : undefined;
  });
  const spare = await make<{ id: string }>('/v1/keys', { tenant, role: 'reader', name: mark });
  const uploadPath = await begin(api, 100, { filename: `${mark}-parts.png` });
  return {
    api,
    token: key.secret,
    things: {
      tenant,
      mark,
      image: image.id,
      rendition: rendition?.id ?? '',
      resize: job.id,
      export: asked.export.id,
      exportJob: asked.job.id,
      batch: batch.job.id,
      import: imported.id,
      schedule: schedule.id,
      webhook: webhook.id,
      delivery: delivery.id,
      preset,
      key: spare.id,
      upload: uploadPath.split('/').at(-1) ?? '',
    },
  };
}

async function importOne(api: Api, url: string, preset: string): Promise<Job> {
  const { body, status, bytes } = await api<{ job: Job }>('/v1/imports', {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: `url,presets\n${url},${preset}\n`,
  });
  if (status !== 202) throw new Error(`POST /v1/imports → ${status}: ${bytes}`);
  return body.job;
}

/** Uploads a picture that waits in line for nothing: it has no job. @returns the id of the image */
export async function plainUpload(api: Api, file: Buffer): Promise<string> {
  const { status, body, bytes } = await upload<{ image: { id: string } }>(api, file);
  if (status !== 201) throw new Error(`${status}: ${bytes}`);
  return body.image.id;
}
