import { type Static, Type } from 'typebox';
import { invalidField, Problem } from '../errors.js';
import { exportBodySchema } from '../exports/body.js';
import { readExportRequest } from '../exports/request.js';
import { isUuid } from '../ids.js';
import { imageDataset } from '../images/repository.js';
import { type Priority, priorities } from '../jobs/job.js';
import { parseRunAt, RunAt } from '../jobs/run-at.js';
import { outsider } from '../keys/caller.js';
import { type FilterValue, filterProperties } from '../lists/list.js';
import { NotifySchema } from '../notifications/notify-options.js';
import { parseRenditionOptions } from '../renditions/options.js';
import type { WantedRendition } from '../renditions/plan.js';
import { assertValid, compileSchema, show } from '../validation.js';
import { failurePolicies, MAX_IMAGES, type OnFailure } from './batch.js';
import { type BatchStep, readSteps } from './steps.js';

/** Most renditions and presets of one image, as for a single one. */
const MAX_RENDITIONS = 50;
const MAX_STEPS = 20;
/** Wrong ids that one answer names. */
const MAX_NAMED = 20;

const step = (work: { export: ReturnType<typeof Type.Unsafe<unknown>> }) =>
  Type.Object(
    {
      name: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9._-]{1,64}$',
          description: 'Default: its type and place, such as export-1',
        }),
      ),
      dependsOn: Type.Optional(
        Type.Array(Type.String(), {
          maxItems: MAX_STEPS,
          uniqueItems: true,
          description: 'Names of steps that end before it starts. Default: the step before it',
        }),
      ),
      export: Type.Optional(work.export),
      notify: Type.Optional(NotifySchema),
    },
    { additionalProperties: false, description: 'One of export and notify' },
  );

const bodySchema = (exportBody: object) =>
  Type.Object(
    {
      images: Type.Optional(
        Type.Array(Type.String(), { minItems: 1, maxItems: MAX_IMAGES, description: 'Ids of images' }),
      ),
      filter: Type.Optional(
        Type.Object(filterProperties(imageDataset), {
          additionalProperties: false,
          description: `Instead of images: those that the list with these filters shows now, at most ${MAX_IMAGES}`,
        }),
      ),
      presets: Type.Array(Type.String(), { default: [], maxItems: MAX_RENDITIONS }),
      renditions: Type.Array(Type.Unsafe<unknown>({ description: 'Rendition options' }), {
        default: [],
        maxItems: MAX_RENDITIONS,
      }),
      // What an export may hold depends on its dataset: it is read where every way of asking for one is.
      // biome-ignore lint/suspicious/noThenProperty: the contract's name; nobody awaits a schema.
      then: Type.Array(step({ export: Type.Unsafe<unknown>(exportBody) }), {
        default: [],
        maxItems: MAX_STEPS,
        description: 'What comes when all members have ended',
      }),
      onFailure: Type.Enum([...failurePolicies], {
        default: 'continue',
        description: 'stop: the first failure cancels what waits, skips the steps and fails the batch',
      }),
      priority: Type.Enum([...priorities], { default: 'normal' }),
      runAt: Type.Optional(RunAt),
    },
    { additionalProperties: false },
  );

/** The body as the document shows it. */
export const batchBodySchema = bodySchema(exportBodySchema);

const validate = compileSchema(bodySchema({ description: 'The body of an export' }), 'strict');
type BatchBody = Static<typeof batchBodySchema>;

/** What a batch is asked for: checked for form, but not yet against what the tenant has. */
export interface BatchWish {
  /** In lower case, as they were asked for, so that errors can name their place; or by `filter`. */
  readonly images: readonly string[] | undefined;
  readonly filter: Readonly<Record<string, FilterValue>>;
  readonly presets: readonly string[];
  readonly renditions: readonly WantedRendition[];
  readonly steps: readonly BatchStep[];
  readonly onFailure: OnFailure;
  readonly priority: Priority;
  readonly runAt: Date | undefined;
}

/**
 * Reads the body of a batch.
 *
 * @throws Problem BATCH_TOO_LARGE, VALIDATION_FAILED or FIELD_UNKNOWN (400) naming the field
 */
export function readBatchBody(body: unknown): BatchWish {
  const given = typeof body === 'object' && body !== null ? { ...body } : {};
  assertImages('images' in given ? given.images : undefined);
  if (!isBatchBody(given)) throw new Error('a body that is valid is not one');
  const { images, filter, presets, renditions, onFailure, priority, runAt, then: steps } = given;
  if ((images === undefined) === (filter === undefined))
    throw invalidField('images', 'or filter says which images; a batch takes one of the two');
  const count = presets.length + renditions.length;
  if (count === 0 || count > MAX_RENDITIONS)
    throw invalidField('renditions', `and presets are ${count}; a batch takes 1 to ${MAX_RENDITIONS}`);
  return {
    images: images?.map((id) => id.toLowerCase()),
    filter: readExportRequest(imageDataset, { ...filter, sort: 'createdAt' }, outsider, 'filter.').filters,
    presets,
    renditions: renditions.map((each, index) => {
      const path = `renditions.${index}`;
      return { options: parseRenditionOptions(each, path), path };
    }),
    steps: readSteps(steps),
    onFailure,
    priority,
    runAt: parseRunAt(runAt, 'runAt'),
  };
}

function isBatchBody(body: object): body is BatchBody {
  assertValid(validate, body, '');
  return true;
}

/** Before the schema, which would have an error for each of ten thousand. */
function assertImages(images: unknown): void {
  if (!Array.isArray(images)) return;
  if (images.length > MAX_IMAGES) {
    throw invalidField(
      'images',
      `are ${images.length}; a batch takes at most ${MAX_IMAGES}`,
      'BATCH_TOO_LARGE',
    );
  }
  const wrong = [...images.entries()].filter(([, id]) => typeof id !== 'string' || !isUuid(id));
  if (wrong.length === 0) return;
  const errors = wrong
    .slice(0, MAX_NAMED)
    .map(([index, id]) => ({ path: `images.${index}`, message: `is ${show(id)}; it takes a UUID` }));
  throw new Problem('VALIDATION_FAILED', `${errors[0]?.path} ${errors[0]?.message}`, { errors });
}
