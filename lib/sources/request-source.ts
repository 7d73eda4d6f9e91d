import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.js';
import { newId } from '../ids.js';
import type { Asker, CreateDeps, Wanted } from '../images/create-image.js';
import type { JobRow } from '../jobs/job.js';
import { insertOnce } from '../jobs/repository.js';
import { findPresets } from '../presets/repository.js';
import type { ImageSource } from './source.js';

/**
 * Records a job that gets an image and makes what is wanted of it, and hands it to the queue. Who asks for the
 * same while it is in flight gets the same job; one that starts later serves only who asked for it.
 *
 * @throws Problem PRESET_UNKNOWN (400) that names `presetsPath`, or 503 when there is no room
 */
export async function requestSource(
  { database, dispatcher, config }: CreateDeps,
  asker: Asker,
  source: ImageSource,
  { presetsPath, priority, runAt }: Pick<Wanted, 'presetsPath' | 'priority' | 'runAt'>,
): Promise<JobRow> {
  const { tenantId } = asker;
  await database.query('presets.find', (sql) => findPresets(sql, tenantId, source.presets, presetsPath));
  await dispatcher.assertRoom();
  const id = newId();
  const work = canonicalJson(runAt ? { source, id } : { source });
  const { job, isNew } = await database.query('jobs.create', (sql) =>
    insertOnce(sql, {
      ...asker,
      id,
      type: 'resize',
      priority,
      attemptsMax: config.jobAttempts,
      imageId: null,
      request: { source },
      dedupKey: createHash('sha256').update(work).digest('base64url'),
      ...(runAt && { runAt }),
    }),
  );
  if (isNew) await dispatcher.dispatch(job);
  return job;
}
