import { type Static, Type } from 'typebox';
import { invalidField } from '../../lib/errors.js';
import { plainFilename } from '../../lib/http/content-disposition.js';
import type { Wanted } from '../../lib/images/create-image.js';
import { checkMetadata } from '../../lib/images/metadata.js';
import { priorities } from '../../lib/jobs/job.js';
import { parseRunAt, RunAt } from '../../lib/jobs/run-at.js';
import type { OutboundRules } from '../../lib/outbound/url.js';
import { MAX_SOURCE_URL, sourceUrl } from '../../lib/sources/rules.js';
import type { ImageSource } from '../../lib/sources/source.js';
import { assertValid, compileSchema } from '../../lib/validation.js';
import { ref } from '../schemas.js';
import { assertCount, readRenditions } from './upload-form.js';

const presets = Type.Optional(Type.Array(Type.String(), { description: 'Presets by name' }));

const SourceBodySchema = Type.Object(
  {
    url: Type.String({ description: `Where the image is; at most ${MAX_SOURCE_URL} characters` }),
    filename: Type.Optional(Type.String({ description: 'Its name here; else that in the URL' })),
    presets,
    preset: presets,
    // What each holds is checked where every way of asking is: its errors say more.
    renditions: Type.Optional(Type.Array(Type.Unsafe<unknown>({}), { description: 'Rendition options' })),
    metadata: Type.Optional(Type.Unsafe<unknown>({ description: 'An object of at most 16 KiB of JSON' })),
    priority: Type.Enum([...priorities], { default: 'normal' }),
    runAt: Type.Optional(RunAt),
  },
  { additionalProperties: false },
);

/** The same for the document, where a name with a default need not be given. */
export const sourceBody = {
  type: 'object',
  required: ['url'],
  additionalProperties: false,
  properties: {
    ...SourceBodySchema.properties,
    renditions: { type: 'array', items: ref('RenditionOptions') },
    metadata: { type: 'object', additionalProperties: true, description: 'At most 16 KiB of JSON' },
  },
};

/** A request for the image of a URL, read. */
export interface SourceRequest {
  readonly source: ImageSource;
  readonly job: Pick<Wanted, 'presetsPath' | 'priority' | 'runAt'>;
}

const validate = compileSchema(SourceBodySchema, 'strict');

/**
 * Reads `POST /v1/images` with JSON: what an upload says in the fields of its form, with a `url` for the file.
 *
 * @throws Problem VALIDATION_FAILED (400) with the path of each wrong field
 */
export function readSourceBody(body: unknown, rules: OutboundRules): SourceRequest {
  if (!isSourceBody(body)) throw new Error('a body that is valid is not one');
  const { url, filename, metadata = {}, priority, runAt } = body;
  const presetsPath = body.preset === undefined ? 'presets' : 'preset';
  const { presets = body.preset ?? [], renditions = [] } = body;
  if (body.presets && body.preset) throw invalidField('preset', 'is there, and so is presets; it takes one');
  assertCount(presets.length + renditions.length);
  return {
    source: {
      url: sourceUrl(url, rules),
      // Made safe here too: a job's row takes no more characters than an image's.
      ...(filename !== undefined && { filename: plainFilename(filename) }),
      presets,
      renditions: readRenditions(renditions, 'renditions').map(({ options }) => options),
      metadata: checkMetadata(metadata),
    },
    job: { presetsPath, priority, runAt: parseRunAt(runAt, 'runAt') },
  };
}

function isSourceBody(body: unknown): body is Static<typeof SourceBodySchema> {
  assertValid(validate, body, '');
  return true;
}
