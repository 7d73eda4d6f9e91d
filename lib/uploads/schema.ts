import { Type } from 'typebox';
import { Bytes, Id, Nullable, ProblemSchema, Time } from '../schemas.js';

/** An upload in parts, as the API shows it. */
export const UploadSchema = Type.Object(
  {
    id: Id('The upload'),
    offset: Type.Integer({
      minimum: 0,
      description: 'Bytes that are safely here; the next part begins there',
    }),
    size: Bytes,
    expiresAt: Time('When it is forgotten; a part that comes later is answered 410'),
    imageId: Nullable(Id('The image it became')),
    jobId: Nullable(Id('The job that makes the renditions')),
    error: Nullable(ProblemSchema),
  },
  { $id: 'Upload', description: 'An upload in parts' },
);
