import type { Config } from '../../lib/config.js';
import type { Database } from '../../lib/database/client.js';
import { exportExtension } from '../../lib/exports/format.js';
import { expiredExports, forgetExports, markRemoved } from '../../lib/exports/repository.js';
import { dropExpiredKeys } from '../../lib/idempotency/repository.js';
import { removeBlob, unreferencedBlobs } from '../../lib/images/repository.js';
import { sweepImports } from '../../lib/imports/sweep.js';
import type { Dispatcher } from '../../lib/jobs/dispatcher.js';
import { removeOldEvents } from '../../lib/jobs/events.js';
import { type JobType, jobTypes } from '../../lib/jobs/job.js';
import { cleanQueue, keepPaused } from '../../lib/jobs/operate.js';
import { markEnqueued, unverifiedJobs } from '../../lib/jobs/repository.js';
import type { Logger } from '../../lib/logger.js';
import type { JobQueue } from '../../lib/queue/queue.js';
import { forgetAbandoned } from '../../lib/sources/repository.js';
import { cautiousNow } from '../../lib/steady-clock.js';
import type { BlobStore } from '../../lib/storage/blob-store.js';
import { exportKey } from '../../lib/storage/keys.js';
import { UploadFiles } from '../../lib/uploads/files.js';
import { sweepUploads } from '../../lib/uploads/sweep.js';

/** What maintenance looks after. */
export interface MaintenanceDeps {
  readonly database: Database;
  readonly store: BlobStore;
  readonly queues: Readonly<Record<JobType, JobQueue>>;
  readonly dispatcher: Dispatcher;
  readonly config: Pick<
    Config,
    | 'maintenanceSeconds'
    | 'uploadTimeoutSeconds'
    | 'jobTimeoutSeconds'
    | 'jobLockSeconds'
    | 'eventTtlMinutes'
    | 'exportTtlHours'
    | 'uploadTtlHours'
    | 'dataDir'
    | 'retentionDays'
  >;
  readonly log: Logger;
}

const BATCH = 500;
const DAY_SECONDS = 86_400;

/**
 * The repeating clean-up. Each part is safe to run at any time and twice: it hands over jobs that the
 * queue does not hold, removes the files that deletions left behind and those of exports and uploads that have expired,
 * sweeps temporary files, and forgets expired idempotency keys, old events and old jobs.
 */
export async function maintain(deps: MaintenanceDeps): Promise<void> {
  const { database, store, config, log } = deps;
  await keepPaused(database, deps.queues);
  const handedOver = await handOver(deps);
  const blobs = await database.query('blobs.unreferenced', (sql) => unreferencedBlobs(sql, BATCH));
  for (const sha256 of blobs) await removeBlob(database, store, sha256);
  // Whatever still writes a temporary file is stopped by its own time-out long before that, but for an
  // export, which keeps its files fresh.
  const abandonedMs = 2000 * Math.max(config.uploadTimeoutSeconds, config.jobTimeoutSeconds);
  const expired = await removeExpired(deps);
  const imports = await sweepImports(database, store, config.exportTtlHours);
  const uploads = await sweepUploads(database, new UploadFiles(config), config.uploadTtlHours);
  const swept = await store.sweepTemporary(abandonedMs, cautiousNow());
  const keys = await database.query('idempotencyKeys.dropExpired', (sql) => dropExpiredKeys(sql, 20 * BATCH));
  await database.query('imageSources.forgetAbandoned', forgetAbandoned);
  const events = await removeOldEvents(database, config.eventTtlMinutes);
  const jobs = await removeOldJobs(deps);
  const done = {
    handedOver,
    removedJobs: jobs,
    removedBlobs: blobs.length,
    removedExports: expired,
    removedImports: imports,
    removedUploads: uploads,
    sweptFiles: swept,
    droppedKeys: keys,
    removedEvents: events,
  };
  log[handedOver + blobs.length + expired + imports + uploads + swept + keys + jobs > 0 ? 'info' : 'debug'](
    done,
    'maintenance',
  );
}

/** Removes the files of exports that have expired; returns how many. Their rows stay, to answer 410. */
async function removeExpired({ database, store }: MaintenanceDeps): Promise<number> {
  const expired = await database.query('exports.expired', (sql) => expiredExports(sql, BATCH));
  for (const row of expired) {
    await store.remove(exportKey(row.id, exportExtension(row)));
    await database.query('exports.markRemoved', (sql) => markRemoved(sql, row.id));
  }
  return expired.length;
}

/** Forgets jobs that ended long ago, and before them the exports whose files are gone; returns how many jobs. */
async function removeOldJobs({ database, config }: MaintenanceDeps): Promise<number> {
  if (config.retentionDays === 0) return 0;
  await database.query('exports.forget', (sql) => forgetExports(sql, config.retentionDays));
  let removed = 0;
  for (const type of jobTypes)
    removed += await cleanQueue({ database }, type, config.retentionDays * DAY_SECONDS);
  return removed;
}

/** Gives the queue every unfinished job that it should hold and does not; returns how many. */
async function handOver({ database, queues, dispatcher, config }: MaintenanceDeps): Promise<number> {
  // A live worker's job shows up in the queue; ask only about those that have been quiet for a while.
  const quietSeconds = Math.max(config.maintenanceSeconds, 2 * config.jobLockSeconds);
  let handedOver = 0;
  for (;;) {
    const jobs = await database.query('jobs.unverified', (sql) => unverifiedJobs(sql, quietSeconds, BATCH));
    if (jobs.length === 0) return handedOver;
    for (const job of jobs) {
      const queue = queues[job.type];
      if (await queue.holds(job)) continue;
      await queue.add([dispatcher.queued(job)]);
      handedOver += 1;
    }
    await database.query('jobs.markEnqueued', (sql) =>
      markEnqueued(
        sql,
        jobs.map(({ id }) => id),
      ),
    );
  }
}
