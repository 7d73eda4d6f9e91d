import { Type } from 'typebox';
import { Nullable, Time } from '../schemas.js';

const about = {
  bytes: 'Bytes of originals and renditions',
  images: 'Images',
  queuedJobs: 'Jobs that wait, members of batches that are yet to be made too',
  megapixelsAnHour:
    'Megapixels that its jobs are asked to read in an hour: width × height × pages of their images',
};

const quota = (description: string) =>
  Type.Integer({ minimum: 0, description: `${description}; 0: no limit` });
const used = (description: string) =>
  Nullable(
    Type.Integer({ minimum: 0, description: `${description}; null: not counted, as nothing limits them` }),
  );
const changed = (description: string) =>
  Type.Optional(
    Nullable(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: `${description}; 0: no limit, null: the service’s default`,
      }),
    ),
  );

/** A tenant as the API shows it. */
export const TenantSchema = Type.Object(
  {
    id: Type.String({ description: 'What it is called' }),
    quotas: Type.Object(
      {
        bytes: quota(about.bytes),
        images: quota(about.images),
        queuedJobs: quota(about.queuedJobs),
        megapixelsAnHour: quota(about.megapixelsAnHour),
      },
      { description: 'What it may have' },
    ),
    usage: Type.Object(
      {
        bytes: used(about.bytes),
        images: used(about.images),
        queuedJobs: used(about.queuedJobs),
        megapixelsAnHour: used(about.megapixelsAnHour),
      },
      { description: 'What it has' },
    ),
    createdAt: Time('When its first key was made'),
  },
  { $id: 'Tenant', description: 'Whose data it is' },
);

/** The body of `PATCH /v1/tenants/{id}`: what it does not name stays. */
export const TenantChangeSchema = Type.Object(
  {
    quotas: Type.Object(
      {
        bytes: changed(about.bytes),
        images: changed(about.images),
        queuedJobs: changed(about.queuedJobs),
        megapixelsAnHour: changed(about.megapixelsAnHour),
      },
      { additionalProperties: false, minProperties: 1 },
    ),
  },
  { additionalProperties: false },
);
