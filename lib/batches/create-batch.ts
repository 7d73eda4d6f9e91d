import type { Config } from '../config.js';
import type { Database, Executor } from '../database/client.js';
import { Problem } from '../errors.js';
import { newId } from '../ids.js';
import type { Asker } from '../images/create-image.js';
import type { Dispatcher } from '../jobs/dispatcher.js';
import type { JobRow } from '../jobs/job.js';
import { insertJob } from '../jobs/repository.js';
import { checkNotify } from '../notifications/check-notify.js';
import { findPresets } from '../presets/repository.js';
import { type WantedRendition, wantedFromPresets } from '../renditions/plan.js';
import { MAX_IMAGES } from './batch.js';
import type { BatchWish } from './body.js';
import { insertBatch, matchingImages, unknownImages } from './repository.js';
import { firstResult } from './result.js';

/** What batches are made with. */
export interface CreateBatchDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
  readonly config: Pick<Config, 'jobAttempts' | 'smtpUrl'>;
}

/** Unknown ids that one answer names. */
const MAX_NAMED = 20;

/**
 * Records a batch and its job, and hands the job to the queue: a worker makes the members. Which images
 * are in it, and what its presets stand for, is settled now.
 *
 * @param also what is recorded with it, or not at all
 * @throws Problem PRESET_UNKNOWN, IMAGE_UNKNOWN or VALIDATION_FAILED (400), BATCH_FILTER_UNFIT (422), or 503
 *   when there is no room; nothing is recorded then
 */
export async function createBatch(
  deps: CreateBatchDeps,
  asker: Asker,
  wish: BatchWish,
  also?: (sql: Executor, job: JobRow) => Promise<void>,
): Promise<JobRow> {
  const { database, dispatcher, config } = deps;
  const { tenantId } = asker;
  const wanted = await wantedOf(deps, tenantId, wish);
  await assertReceivers(deps, tenantId, wish);
  const [imageIds] = await Promise.all([
    wish.images ? knownImages(deps, tenantId, wish.images) : filteredImages(deps, tenantId, wish),
    dispatcher.assertRoom({ many: true }),
  ]);
  const { steps, onFailure, priority, runAt } = wish;
  const id = newId();
  const job = await database.transaction('batches.create', async (sql) => {
    const row = await insertJob(sql, {
      ...asker,
      id,
      type: 'batch',
      priority,
      attemptsMax: config.jobAttempts,
      imageId: null,
      request: {},
      result: firstResult(imageIds.length, steps),
      ...(runAt && { runAt }),
    });
    await insertBatch(sql, { id, tenantId, imageIds, wanted, steps, onFailure });
    await also?.(sql, row);
    return row;
  });
  await dispatcher.dispatch(job);
  return job;
}

async function wantedOf(
  { database }: CreateBatchDeps,
  tenantId: string,
  { presets: names, renditions }: BatchWish,
): Promise<readonly WantedRendition[]> {
  if (names.length === 0) return renditions;
  const presets = await database.query('presets.find', (sql) => findPresets(sql, tenantId, names, 'presets'));
  return [...wantedFromPresets(presets, 'presets'), ...renditions];
}

async function assertReceivers(deps: CreateBatchDeps, tenantId: string, { steps }: BatchWish): Promise<void> {
  for (const [index, step] of steps.entries()) {
    if (step.type === 'notify') await checkNotify(deps, tenantId, step.notify, `then.${index}.notify`);
  }
}

/** @throws Problem IMAGE_UNKNOWN (400) naming the places of the ids that are none of the tenant's */
async function knownImages(
  { database }: CreateBatchDeps,
  tenantId: string,
  given: readonly string[],
): Promise<string[]> {
  const ids = [...new Set(given)];
  const unknown = await database.query('batches.unknownImages', (sql) => unknownImages(sql, tenantId, ids));
  if (unknown.size === 0) return ids;
  const errors = [...given.entries()]
    .filter(([, id]) => unknown.has(id))
    .slice(0, MAX_NAMED)
    .map(([index, id]) => ({ path: `images.${index}`, message: `is "${id}"; there is no such image` }));
  throw new Problem('IMAGE_UNKNOWN', `${errors[0]?.path} ${errors[0]?.message}`, { errors });
}

/** @throws Problem BATCH_FILTER_UNFIT (422) where it matches none, or more than a batch takes */
async function filteredImages(
  { database }: CreateBatchDeps,
  tenantId: string,
  { filter }: BatchWish,
): Promise<string[]> {
  const ids = await database.query('batches.matchingImages', (sql) =>
    matchingImages(sql, tenantId, filter, MAX_IMAGES + 1),
  );
  if (ids.length > 0 && ids.length <= MAX_IMAGES) return ids;
  const count = ids.length === 0 ? 'no image' : `more than ${MAX_IMAGES} images`;
  const message = `matches ${count}; a batch takes 1 to ${MAX_IMAGES}`;
  throw new Problem('BATCH_FILTER_UNFIT', `filter ${message}`, { errors: [{ path: 'filter', message }] });
}
