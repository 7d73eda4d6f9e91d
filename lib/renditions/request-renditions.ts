import {
  type Asker,
  type CreateDeps,
  newResizeJob,
  planWanted,
  type Wanted,
} from '../images/create-image.js';
import type { ImageRow } from '../images/image.js';
import type { JobRow } from '../jobs/job.js';
import { insertOnce } from '../jobs/repository.js';
import type { RenditionRow } from './rendition.js';
import { findRenditions } from './repository.js';

/** What came of asking for renditions: they stand already, or a job makes them. */
export type RequestOutcome =
  | { readonly kind: 'standing'; readonly renditions: readonly RenditionRow[] }
  | { readonly kind: 'job'; readonly job: JobRow };

/**
 * Asks for renditions of an image that is there. What stands already is not made again.
 *
 * @throws Problem 400 for an unknown preset, 422 for what does not fit, 503 when there is no room
 */
export async function requestRenditions(
  deps: CreateDeps,
  asker: Asker,
  image: ImageRow,
  wanted: Wanted,
): Promise<RequestOutcome> {
  const { database, dispatcher, config } = deps;
  const renditions = await planWanted(deps, asker.tenantId, wanted, image);
  const standing = await database.query('renditions.ofImage', (sql) => findRenditions(sql, [image.id]));
  const asked = renditions.flatMap(({ id }) => standing.find((rendition) => rendition.id === id) ?? []);
  if (asked.length === renditions.length) return { kind: 'standing', renditions: asked };
  await dispatcher.assertRoom();
  const { job, isNew } = await database.query('jobs.create', (sql) =>
    insertOnce(sql, newResizeJob(config, asker, image.id, wanted, renditions)),
  );
  if (isNew) await dispatcher.dispatch(job);
  return { kind: 'job', job };
}
