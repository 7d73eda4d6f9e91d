import { Type } from 'typebox';
import { priorities } from '../../lib/jobs/job.js';
import { RunAt } from '../../lib/jobs/run-at.js';
import { RenditionOptionsSchema } from '../../lib/renditions/options-schema.js';
import { ref } from '../schemas.js';
import { sourceBody } from './source-body.js';

const binary = { type: 'string', contentEncoding: 'binary', description: 'The image' };
const metadata = Type.Optional(
  Type.String({ description: 'A JSON object of at most 16 KiB, kept with the image' }),
);
const renditions = Type.Optional(Type.String({ description: 'A JSON array of rendition options' }));
const jobFields = { priority: Type.Optional(Type.Enum([...priorities])), runAt: Type.Optional(RunAt) };
const withJob = (description: string, required: string[]) => ({
  description,
  type: 'object',
  required,
  properties: { image: ref('Image'), job: ref('Job') },
});

/**
 * What an upload takes and answers, for the document only: a body that is read as a stream, and a query
 * whose names depend on it, are checked where they are read (see `upload-form.ts`).
 */
export const uploadSchema = {
  tags: ['images'],
  summary: 'Upload an image, and ask for renditions of it',
  description:
    'A form with one `file`, or the raw bytes with `Content-Type: image/*`; what a form says in fields stands in the query then. Or JSON with a `url`: a job fetches the image, and the answer has no `image` before it is there. `Prefer: wait=N` holds the answer until the renditions are there.',
  body: {
    content: {
      'multipart/form-data': {
        schema: {
          type: 'object',
          required: ['file'],
          properties: {
            file: binary,
            preset: {
              type: 'array',
              items: { type: 'string' },
              description: 'Presets, each a field of its own',
            },
            renditions,
            metadata,
            ...jobFields,
          },
        },
      },
      'image/*': { schema: binary },
      'application/json': { schema: sourceBody },
    },
  },
  querystring: Type.Object({
    preset: Type.Optional(Type.Array(Type.String(), { description: 'Presets; with a raw body' })),
    filename: Type.Optional(Type.String({ description: 'Name of the file; with a raw body' })),
    metadata,
    renditions,
    ...jobFields,
    ...RenditionOptionsSchema.properties,
  }),
  response: {
    200: {
      description:
        'The job that was to fetch the image, which the client waited for; its error says why there is none',
      type: 'object',
      required: ['job'],
      properties: { job: ref('Job') },
    },
    201: withJob('The image; with its job, where the client waited for the job’s end', ['image']),
    202: withJob('The image, and the job that makes its renditions; from a URL, the job', ['job']),
  },
};
