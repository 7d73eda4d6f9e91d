import { basename } from 'node:path';
import type { Config } from '../../lib/config.js';
import type { ImageRow } from '../../lib/images/image.js';
import { receiveImage } from '../../lib/images/receive.js';
import { importFolderOf, openInFolder } from '../../lib/imports/import-folder.js';
import { Cancelled } from '../../lib/jobs/cancelled.js';
import type { Dispatcher } from '../../lib/jobs/dispatcher.js';
import type { JobRowOf, RenditionRequest } from '../../lib/jobs/job.js';
import { postponeJob } from '../../lib/jobs/postpone.js';
import { findPresets } from '../../lib/presets/repository.js';
import { planRenditions, wantedFromPresets } from '../../lib/renditions/plan.js';
import { type ImageOfUrlDeps, imageOfUrl } from '../../lib/sources/image-of-url.js';
import { type ImageOwner, recordReceived } from '../../lib/sources/record-received.js';
import { setJobImage } from '../../lib/sources/repository.js';
import type { ImageSource } from '../../lib/sources/source.js';
import type { FetchPlaces } from '../fetch-places.js';

/** What the image of a source is had with. */
export interface SourceDeps extends ImageOfUrlDeps {
  readonly dispatcher: Dispatcher;
  readonly places: FetchPlaces;
  /** Aborts when the worker is to end: a host may be slow, and another worker asks it again. */
  readonly stopping: AbortSignal;
  readonly config: Pick<
    Config,
    | 'maxUploadBytes'
    | 'maxInputPixels'
    | 'maxInputFrames'
    | 'maxOutputPixels'
    | 'jobTimeoutSeconds'
    | 'sourceTimeoutSeconds'
    | 'importFolder'
  >;
}

/** By then this worker takes no more jobs. */
const STOPPING_MS = 1_000;

/**
 * Gets the image that a job has yet to get: fetches it, or copies it out of the import folder, and records it
 * as an upload is recorded: once a tenant, by its bytes. The job has that image from then on, and does not
 * get it again. Where hosts are slow and all places for those who fetch are taken, the job is put off.
 *
 * @returns undefined: it was put off
 * @throws Problem for what is no image, is too large, may not be reached or is not there; Cancelled
 */
export async function receiveSource(
  deps: SourceDeps,
  job: JobRowOf<'resize'>,
  { url, path, filename, metadata }: ImageSource,
  signal: AbortSignal,
): Promise<ImageRow | undefined> {
  const { tenantId } = job;
  const claim: ImageOwner['claim'] = async (sql, { id }) => {
    if (!(await setJobImage(sql, job.id, id))) throw new Cancelled();
  };
  const owner = { tenantId, filename, metadata, claim };
  if (url === undefined) return imageOfPath(deps, path ?? '', owner, signal);
  const waitMs = await deps.places.enter();
  if (waitMs > 0) return putOff(deps, job, waitMs);
  // Members of an import come by the thousand: a host that is down for a minute fails none of them.
  const isPatient = job.parentId !== null;
  const wanted = { ...owner, url, since: askedAt(job), isPatient };
  try {
    return await imageOfUrl(deps, wanted, AbortSignal.any([signal, deps.stopping]));
  } catch (error) {
    if (signal.aborted || !deps.stopping.aborted || error !== deps.stopping.reason) throw error;
    return putOff(deps, job, STOPPING_MS);
  } finally {
    deps.places.leave();
  }
}

/** Has the job come back later, without an attempt. */
async function putOff(
  { database, dispatcher }: SourceDeps,
  { id, attemptsMade }: JobRowOf<'resize'>,
  waitMs: number,
): Promise<undefined> {
  const runAt = new Date(Date.now() + waitMs);
  const attempts = attemptsMade - 1;
  const again = await database.query('jobs.postpone', (sql) =>
    postponeJob(sql, id, { attempts, runAt, goesOn: true }),
  );
  if (!again) throw new Cancelled();
  await dispatcher.dispatch({ ...again, attemptsMax: again.attemptsMax - attempts });
}

/** The renditions that are wanted of a source: presets as they are now. */
export async function plannedOfSource(
  { database, config }: SourceDeps,
  tenantId: string,
  { presets: names, renditions = [] }: ImageSource,
  image: ImageRow,
): Promise<readonly RenditionRequest[]> {
  const presets = await database.query('presets.find', (sql) => findPresets(sql, tenantId, names, 'presets'));
  const wanted = renditions.map((options, index) => ({ options, path: `renditions.${index}` }));
  return planRenditions([...wantedFromPresets(presets, 'presets'), ...wanted], image, config.maxOutputPixels);
}

async function imageOfPath(
  deps: SourceDeps,
  path: string,
  owner: ImageOwner,
  signal: AbortSignal,
): Promise<ImageRow> {
  const { store, config } = deps;
  const file = await openInFolder(importFolderOf(config.importFolder, owner.tenantId), path);
  const received = await receiveImage(file, store, config, signal).finally(() => file.destroy());
  return recordReceived(deps, { ...owner, filename: owner.filename ?? basename(path) }, received);
}

/** When this run of a job was asked for. */
function askedAt({ run, runAt, startedAt, createdAt }: JobRowOf<'resize'>): Date {
  return (run > 0 ? startedAt : runAt) ?? createdAt;
}
