import { basename } from 'node:path';
import type { Config } from '../../lib/config.js';
import type { Database } from '../../lib/database/client.js';
import { newId } from '../../lib/ids.js';
import { fetchImage, filenameInUrl } from '../../lib/images/fetch-image.js';
import { imageFilename } from '../../lib/images/filename.js';
import type { ImageRow } from '../../lib/images/image.js';
import { type ReceivedImage, receiveImage } from '../../lib/images/receive.js';
import { insertImage } from '../../lib/images/repository.js';
import type { ImportSource } from '../../lib/imports/import.js';
import { openInFolder } from '../../lib/imports/import-folder.js';
import { setJobImage } from '../../lib/imports/repository.js';
import { Cancelled } from '../../lib/jobs/cancelled.js';
import type { JobRowOf, RenditionRequest } from '../../lib/jobs/job.js';
import type { Outbound } from '../../lib/outbound/client.js';
import { findPresets } from '../../lib/presets/repository.js';
import { planRenditions, wantedFromPresets } from '../../lib/renditions/plan.js';
import type { BlobStore } from '../../lib/storage/blob-store.js';

/** What the image of a row is had with. */
export interface SourceDeps {
  readonly database: Database;
  readonly store: BlobStore;
  readonly outbound: Outbound;
  readonly config: Pick<
    Config,
    'maxUploadBytes' | 'maxInputPixels' | 'maxOutputPixels' | 'jobTimeoutSeconds' | 'importFolder'
  >;
}

/**
 * Fetches the image that a row of an import names, or copies it out of the import folder, and records it as
 * an upload is recorded: once a tenant, by its bytes. The job has that image from then on, and does not
 * fetch it again.
 *
 * @throws Problem for what is no image, is too large, may not be reached or is not there; Cancelled
 */
export async function receiveSource(
  deps: SourceDeps,
  job: JobRowOf<'resize'>,
  source: ImportSource,
  signal: AbortSignal,
): Promise<ImageRow> {
  const received = await receive(deps, source, signal);
  const { temporaryPath, discard, ...facts } = received;
  try {
    return await deps.database.transaction('images.createFromSource', async (sql) => {
      const filename = imageFilename(source.filename ?? nameIn(source), facts.contentType);
      const { tenantId } = job;
      const image = await insertImage(
        sql,
        deps.store,
        { id: newId(), tenantId, filename, metadata: source.metadata, ...facts },
        temporaryPath,
      );
      if (!(await setJobImage(sql, job.id, image.id))) throw new Cancelled();
      return image;
    });
  } finally {
    await discard();
  }
}

/** The renditions that a row wants of its image: presets as they are now. */
export async function plannedOfSource(
  { database, config }: SourceDeps,
  tenantId: string,
  { presets: names }: ImportSource,
  image: ImageRow,
): Promise<readonly RenditionRequest[]> {
  const presets = await database.query('presets.find', (sql) => findPresets(sql, tenantId, names, 'presets'));
  return planRenditions(wantedFromPresets(presets, 'presets'), image, config.maxOutputPixels);
}

async function receive(
  deps: SourceDeps,
  { url, path }: ImportSource,
  signal: AbortSignal,
): Promise<ReceivedImage> {
  if (url !== undefined) return fetchImage(deps, url, signal);
  const file = await openInFolder(deps.config.importFolder, path ?? '');
  return receiveImage(file, deps.store, deps.config, signal).finally(() => file.destroy());
}

function nameIn({ url, path }: ImportSource): string | undefined {
  return url === undefined ? basename(path ?? '') : filenameInUrl(url);
}
