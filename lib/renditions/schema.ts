import { Type } from 'typebox';
import { Bytes, Id, Nullable, Pixels, Sha256, Time } from '../schemas.js';

/** A rendition as the API shows it. */
export const RenditionSchema = Type.Object(
  {
    id: Id('Derived from the original’s SHA-256 and the options: the same request gives the same id'),
    imageId: Id('The image it was made from'),
    name: Nullable(Type.String({ description: 'The name it was asked for by, such as a preset’s' })),
    options: Type.Object(
      {},
      { additionalProperties: true, description: 'The options, with every default spelled out' },
    ),
    contentType: Type.String(),
    width: Pixels('Width'),
    height: Pixels('Height of one frame'),
    bytes: Bytes,
    sha256: Sha256,
    createdAt: Time('When it was made'),
    url: Type.String({ description: 'Path of its bytes' }),
  },
  { $id: 'Rendition', description: 'A resized, cropped or re-encoded copy of an image' },
);
