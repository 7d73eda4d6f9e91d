import { type TObject, Type } from 'typebox';
import type { Viewer } from './keys/caller.js';
import { object, plainText, value } from './lists/field.js';
import type { Dataset } from './lists/list.js';
import { Nullable } from './schemas.js';

/** Where something came from, as its row has it. */
export interface Origin {
  /** IP address of the client; null where it was made by the service itself, or before it was kept. */
  readonly clientAddress: string | null;
  /** The part of the key that may be seen; null where none was asked for. */
  readonly keyPrefix: string | null;
}

/** The same of a job. */
export interface JobOrigin extends Origin {
  /** The HTTP request that asked for it; stands in the logs of both. */
  readonly requestId: string | null;
}

const origin = {
  clientAddress: Nullable(Type.String({ description: 'Address of the client that asked for it' })),
  keyPrefix: Nullable(Type.String({ description: 'Prefix of the key that it asked with' })),
};
const description = 'For admins only: others do not see that it is there';

/** `audit` of an image. */
export const ImageAuditSchema = Type.Object(origin, { description });

/** `audit` of a job. */
export const JobAuditSchema = Type.Object(
  {
    ...origin,
    requestId: Nullable(Type.String({ description: 'The request that asked for it, as in the log' })),
  },
  { description },
);

/** `audit` in exports: of images, and of jobs. */
export const imageAuditField = object({
  clientAddress: value('text', 'images.client_address'),
  keyPrefix: plainText('images.key_prefix'),
});

/** As {@link imageAuditField}, of jobs. */
export const jobAuditField = object({
  clientAddress: value('text', 'jobs.client_address'),
  keyPrefix: plainText('jobs.key_prefix'),
  requestId: value('text', 'jobs.request_id'),
});

/** The columns behind `audit` of an image. */
export const imageAuditColumns = ['clientAddress', 'keyPrefix'] as const satisfies (keyof Origin)[];

/** The columns behind `audit` of a job. */
export const jobAuditColumns = [...imageAuditColumns, 'requestId'] as const satisfies (keyof JobOrigin)[];

/** Whether somebody sees `audit`. */
export function seesAudit({ role }: Viewer): boolean {
  return role === 'admin';
}

/** `audit` of an image for whom may see it; nothing at all for others. */
export function imageAudit(viewer: Viewer, { clientAddress, keyPrefix }: Origin) {
  return seesAudit(viewer) ? { audit: { clientAddress, keyPrefix } } : {};
}

/** `audit` of a job for whom may see it; nothing at all for others. */
export function jobAudit(viewer: Viewer, { clientAddress, keyPrefix, requestId }: JobOrigin) {
  return seesAudit(viewer) ? { audit: { clientAddress, keyPrefix, requestId } } : {};
}

/** A dataset as somebody sees it: `audit` is an unknown field like any other to all but admins. */
export function datasetFor<Shown extends Dataset>(dataset: Shown, viewer: Viewer): Shown {
  if (seesAudit(viewer) || !('audit' in dataset.schema.properties)) return dataset;
  return { ...dataset, schema: withoutAudit(dataset.schema) };
}

function withoutAudit(schema: TObject): TObject {
  const { audit: _, ...properties } = schema.properties;
  return Type.Object(properties);
}
