import { Type } from 'typebox';

const tags = ['uploads'];
const nothing = (description: string) => Type.Null({ description });
const field = (description: string) => Type.Optional(Type.String({ description }));

/** What the routes of tus take and answer, for the document: `@tus/server` reads the header fields itself. */
export const createSchema = {
  tags,
  summary: 'Begin an upload in parts',
  description:
    'tus 1.0 (https://tus.io), with creation-with-upload, termination, expiration and checksum. Takes `Tus-Resumable: 1.0.0`, `Upload-Length`, and in `Upload-Metadata` what an upload’s form has in fields: `filename`, `preset` (several by commas), `renditions`, `metadata`, `priority`, `runAt`. A body of `application/offset+octet-stream` is the first part. When the last part is in, the file becomes an image as with `POST /v1/images`, and the answer to it has `Halftone-Image` and, where renditions were asked for, `Halftone-Job`.',
  response: { 201: nothing('Begun; `Location` says where the parts go') },
};

/** `OPTIONS`. */
export const capabilitiesSchema = {
  tags,
  summary: 'What of tus is spoken here',
  response: { 204: nothing('`Tus-Version`, `Tus-Extension`, `Tus-Max-Size` and `Tus-Checksum-Algorithm`') },
};

/** `HEAD`. */
export const stateSchema = {
  tags,
  summary: 'Where an upload in parts stands',
  description: 'Whoever sends a part at that moment is asked to stop: what has arrived of it counts.',
  headers: Type.Object({ 'tus-resumable': field('1.0.0') }),
  response: { 200: nothing('`Upload-Offset`, `Upload-Length` and `Upload-Metadata`') },
};

/** `PATCH`. */
export const patchSchema = {
  tags,
  summary: 'Send the next part of an upload',
  description:
    'The body is `application/offset+octet-stream`. What arrives of a part that breaks off counts, unless it has an `Upload-Checksum`.',
  headers: Type.Object({
    'tus-resumable': field('1.0.0'),
    'upload-offset': field('Where the part begins: where the upload stands'),
    'upload-checksum': field('sha1, sha256, sha512 or md5, a space, and the digest of the part in Base64'),
  }),
  response: {
    204: nothing(
      '`Upload-Offset` says where the upload stands now; `Halftone-Image` and `Halftone-Job` what it became',
    ),
  },
};

/** `DELETE`. */
export const terminateSchema = {
  tags,
  summary: 'Give up an upload in parts',
  description: 'An image that it became stays.',
  headers: Type.Object({ 'tus-resumable': field('1.0.0') }),
  response: { 204: nothing('Gone') },
};
