import { createHash } from 'node:crypto';
import type { Origin } from '../audit.js';
import type { Config } from '../config.js';
import type { Database, Executor } from '../database/client.js';
import { newId } from '../ids.js';
import type { Dispatcher } from '../jobs/dispatcher.js';
import type { JobRow, Priority, RenditionRequest } from '../jobs/job.js';
import { insertOnce, type NewJob } from '../jobs/repository.js';
import { findPresets } from '../presets/repository.js';
import { planRenditions, type WantedRendition, wantedFromPresets } from '../renditions/plan.js';
import type { BlobStore } from '../storage/blob-store.js';
import type { ImageMetadata, ImageRow } from './image.js';
import type { ReceivedImage } from './receive.js';
import { insertImage } from './repository.js';

/** What the service makes images and jobs with. */
export interface CreateDeps {
  readonly database: Database;
  readonly store: BlobStore;
  readonly dispatcher: Dispatcher;
  readonly config: Pick<Config, 'maxOutputPixels' | 'jobAttempts'>;
}

/** Who asks, for the records and the logs. */
export interface Asker extends Partial<Origin> {
  readonly tenantId: string;
  readonly requestId: string;
  readonly traceparent: string | null;
}

/** What is wanted of an image: presets by name, and options of one's own. */
export interface Wanted {
  readonly presets: readonly string[];
  /** Where the presets' names stand in the request. */
  readonly presetsPath: string;
  readonly renditions: readonly WantedRendition[];
  readonly priority: Priority;
  /** Not before this time. */
  readonly runAt?: Date | undefined;
}

/** An image, and the job for what is wanted of it, if anything is. */
export interface CreatedImage {
  readonly image: ImageRow;
  readonly job: JobRow | undefined;
}

/** Whether anything is wanted at all. */
export function wantsRenditions({ presets, renditions }: Wanted): boolean {
  return presets.length + renditions.length > 0;
}

/**
 * Records a received upload, and the job for what is wanted of it, in one transaction; then hands
 * the job to the queue. The temporary file is gone afterwards, one way or the other.
 *
 * @param alongside what is recorded in the same transaction; what it throws undoes all of it
 * @throws Problem 400 for an unknown preset, 422 for what does not fit, 503 when the database is away
 */
export async function createImage(
  deps: CreateDeps,
  asker: Asker,
  received: ReceivedImage,
  about: { filename: string; metadata: ImageMetadata },
  wanted: Wanted,
  alongside?: (sql: Executor, created: CreatedImage) => Promise<void>,
): Promise<CreatedImage> {
  const { database, store, dispatcher, config } = deps;
  const { tenantId, clientAddress = null, keyPrefix = null } = asker;
  try {
    const renditions = await planWanted(deps, tenantId, wanted, received);
    const { contentType, bytes, width, height, orientation, hasAlpha, pages, sha256, temporaryPath } =
      received;
    const facts = { contentType, bytes, width, height, orientation, hasAlpha, pages, sha256 };
    const created = await database.transaction('images.create', async (sql) => {
      const image = await insertImage(
        sql,
        store,
        { id: newId(), tenantId, clientAddress, keyPrefix, ...about, ...facts },
        temporaryPath,
      );
      const asked =
        renditions.length > 0
          ? await insertOnce(sql, newResizeJob(config, asker, image.id, wanted, renditions))
          : undefined;
      await alongside?.(sql, { image, job: asked?.job });
      return { image, asked };
    });
    if (created.asked?.isNew) await dispatcher.dispatch(created.asked.job);
    return { image: created.image, job: created.asked?.job };
  } finally {
    await received.discard();
  }
}

/**
 * The job that makes renditions of an image, before it has a row. Who asks for the same while it is in
 * flight gets the same job; one that starts later serves only who asked for it.
 */
export function newResizeJob(
  { jobAttempts }: CreateDeps['config'],
  asker: Asker,
  imageId: string,
  { priority, runAt }: Pick<Wanted, 'priority' | 'runAt'>,
  renditions: readonly RenditionRequest[],
): NewJob & { readonly dedupKey: string } {
  const id = newId();
  const work = [imageId, ...renditions.map((rendition) => rendition.id).sort(), ...(runAt ? [id] : [])];
  return {
    ...asker,
    id,
    type: 'resize',
    priority,
    attemptsMax: jobAttempts,
    imageId,
    request: { renditions },
    dedupKey: createHash('sha256').update(work.join('\n')).digest('base64url'),
    ...(runAt && { runAt }),
  };
}

/** What a job is to make: presets looked up, options settled for the image. */
export async function planWanted(
  { database, config }: Pick<CreateDeps, 'database' | 'config'>,
  tenantId: string,
  wanted: Wanted,
  source: Parameters<typeof planRenditions>[1],
): Promise<ReturnType<typeof planRenditions>> {
  const { presets: names, presetsPath } = wanted;
  const presets =
    names.length > 0
      ? await database.query('presets.find', (sql) => findPresets(sql, tenantId, names, presetsPath))
      : [];
  return planRenditions(
    [...wantedFromPresets(presets, presetsPath), ...wanted.renditions],
    source,
    config.maxOutputPixels,
  );
}
