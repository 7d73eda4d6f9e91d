import type { Config } from '../config.js';
import type { Database, Executor } from '../database/client.js';
import { newId } from '../ids.js';
import type { Asker } from '../images/create-image.js';
import type { Dispatcher } from '../jobs/dispatcher.js';
import type { JobRow } from '../jobs/job.js';
import { insertJob } from '../jobs/repository.js';
import { checkNotify } from '../notifications/check-notify.js';
import type { ExportBody } from './body.js';
import type { ExportRow } from './export.js';
import { findExport, insertExport } from './repository.js';

/** What exports are made with. */
export interface CreateExportDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
  readonly config: Pick<Config, 'jobAttempts' | 'smtpUrl'>;
}

/**
 * Records an export and its job in one transaction; then hands the job to the queue.
 *
 * @param also what is recorded with it, or not at all
 * @throws Problem VALIDATION_FAILED (400) for whom it cannot notify; QUEUE_UNAVAILABLE, BACKLOG_FULL or DATABASE_UNAVAILABLE (503); nothing is recorded then
 */
export async function createExport(
  { database, dispatcher, config }: CreateExportDeps,
  asker: Asker,
  body: ExportBody,
  also?: (sql: Executor, job: JobRow) => Promise<void>,
): Promise<{ row: ExportRow; job: JobRow }> {
  await dispatcher.assertRoom();
  if (body.notify) await checkNotify({ database, config }, asker.tenantId, body.notify);
  const id = newId();
  const created = await database.transaction('exports.create', async (sql) => {
    const job = await insertJob(sql, {
      ...asker,
      id: newId(),
      type: 'export',
      priority: 'normal',
      attemptsMax: config.jobAttempts,
      imageId: null,
      request: { exportId: id },
      ...(body.notify && { notify: body.notify }),
    });
    const { dataset, format, compression } = body;
    const { tenantId } = asker;
    await insertExport(sql, { id, tenantId, jobId: job.id, dataset, format, compression, request: body });
    await also?.(sql, job);
    const row = await findExport(sql, tenantId, id);
    if (!row) throw new Error('an export that was recorded is not there');
    return { row, job };
  });
  await dispatcher.dispatch(created.job);
  return created;
}
