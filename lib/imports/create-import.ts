import type { Config } from '../config.js';
import type { Database } from '../database/client.js';
import { newId } from '../ids.js';
import type { Asker } from '../images/create-image.js';
import type { Dispatcher } from '../jobs/dispatcher.js';
import type { JobRow } from '../jobs/job.js';
import { insertJob } from '../jobs/repository.js';
import type { BlobStore } from '../storage/blob-store.js';
import { importKey } from '../storage/keys.js';
import type { ReceivedCsv } from './receive.js';
import { insertImport } from './repository.js';

/** What imports are made with. */
export interface CreateImportDeps {
  readonly database: Database;
  readonly store: BlobStore;
  readonly dispatcher: Dispatcher;
  readonly config: Pick<Config, 'jobAttempts'>;
}

/**
 * Records a received CSV as an import, with its job, in one transaction; then hands the job to the queue.
 * The temporary file is gone afterwards, one way or the other.
 *
 * @throws Problem DATABASE_UNAVAILABLE (503); nothing is recorded then
 */
export async function createImport(
  { database, store, dispatcher, config }: CreateImportDeps,
  asker: Asker,
  { columns, rowsAt, bytes, temporaryPath, discard }: ReceivedCsv,
): Promise<JobRow> {
  const id = newId();
  try {
    const job = await database.transaction('imports.create', async (sql) => {
      const made = await insertJob(sql, {
        ...asker,
        id,
        type: 'import',
        priority: 'normal',
        attemptsMax: config.jobAttempts,
        imageId: null,
        request: {},
      });
      const { offset: position, line } = rowsAt;
      await insertImport(sql, { id, tenantId: asker.tenantId, columns, bytes, position, line });
      await store.put(importKey(id), temporaryPath, { synced: true });
      return made;
    });
    await dispatcher.dispatch(job);
    return job;
  } finally {
    await discard();
  }
}
