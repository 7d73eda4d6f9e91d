import { readBatchBody } from '../batches/body.js';
import { type CreateBatchDeps, createBatch } from '../batches/create-batch.js';
import type { Executor } from '../database/client.js';
import { Problem } from '../errors.js';
import { readExportBody } from '../exports/body.js';
import { type CreateExportDeps, createExport } from '../exports/create-export.js';
import type { JobRow } from '../jobs/job.js';
import { outsider } from '../keys/caller.js';
import type { Logger } from '../logger.js';
import { claimRun, dueSchedules } from './repository.js';
import { nextRun } from './rhythm.js';
import type { ScheduleRow } from './schedule.js';

/** What schedules are run with. */
export type RunDueDeps = CreateExportDeps & CreateBatchDeps & { readonly log: Logger };

const BATCH = 100;

/** Another process has run it, or its owner has changed it: the transaction rolls back. */
class AlreadyClaimed extends Error {
  override readonly name = 'AlreadyClaimed';
}

/**
 * Runs the schedules whose time has come. Each tick makes one job, however many processes look: the tick is
 * claimed in the transaction that records the job.
 *
 * @returns how many ran here
 */
export async function runDueSchedules(deps: RunDueDeps, now = () => new Date()): Promise<number> {
  const due = await deps.database.query('schedules.due', (sql) => dueSchedules(sql, BATCH));
  let ran = 0;
  for (const schedule of due) if (await runOne(deps, schedule, now())) ran += 1;
  return ran;
}

async function runOne(deps: RunDueDeps, schedule: ScheduleRow, now: Date): Promise<boolean> {
  const { database, log } = deps;
  const next = nextRun(schedule, now);
  try {
    const job = await begin(deps, schedule, async (sql, { id }) => {
      if (!(await claimRun(sql, schedule, next, { jobId: id }))) throw new AlreadyClaimed();
    });
    log.info({ schedule: schedule.id, job: job.id, next }, 'a schedule ran');
    return true;
  } catch (error) {
    if (error instanceof AlreadyClaimed) return false;
    // What is away comes back: the tick stays due.
    if (!(error instanceof Problem) || error.status >= 500) {
      log.warn({ err: error, schedule: schedule.id }, 'a schedule could not run yet');
      return false;
    }
    log.warn({ schedule: schedule.id, code: error.code }, 'a schedule asks for what there is not');
    return database.query('schedules.claim', (sql) =>
      claimRun(sql, schedule, next, { error: error.toJSON() }),
    );
  }
}

function begin(
  deps: RunDueDeps,
  { id, tenantId, run }: ScheduleRow,
  also: (sql: Executor, job: JobRow) => Promise<void>,
): Promise<JobRow> {
  const asker = { tenantId, requestId: `schedule-${id}`, traceparent: null };
  if ('batch' in run) return createBatch(deps, asker, readBatchBody(run.batch), also);
  return createExport(deps, asker, readExportBody(run.export, outsider), also).then(({ job }) => job);
}
