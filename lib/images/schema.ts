import { Type } from 'typebox';
import { ImageAuditSchema } from '../audit.js';
import { RenditionSchema } from '../renditions/schema.js';
import { Bytes, Id, Pixels, Sha256, Time } from '../schemas.js';

/** Largest `metadata` of an image, as bytes of JSON. */
export const MAX_METADATA_BYTES = 16 * 1024;

/** An image as the API shows it. */
export const ImageSchema = Type.Object(
  {
    id: Id('The image'),
    filename: Type.String({ description: 'The name it was uploaded under' }),
    contentType: Type.String({ description: 'Media type, found in the bytes' }),
    bytes: Bytes,
    width: Pixels('Width as stored, before the EXIF orientation'),
    height: Pixels('Height as stored, before the EXIF orientation; of one frame'),
    sha256: Sha256,
    orientation: Type.Integer({ minimum: 1, maximum: 8, description: 'EXIF orientation' }),
    hasAlpha: Type.Boolean({ description: 'Whether it has transparency' }),
    pages: Type.Integer({ minimum: 1, description: 'Frames of an animation or pages of a document' }),
    metadata: Type.Object({}, { additionalProperties: true, description: 'What the client keeps with it' }),
    createdAt: Time('When it was first uploaded'),
    renditions: Type.Optional(Type.Array(RenditionSchema)),
    audit: Type.Optional(ImageAuditSchema),
    links: Type.Object({ self: Type.String(), content: Type.String(), renditions: Type.String() }),
  },
  { $id: 'Image', description: 'An uploaded image' },
);
