import { type RecordDeps, recordImport } from '../../lib/imports/record-import.js';
import { beginImportRun, findImport } from '../../lib/imports/repository.js';
import { type ImportState, readImportState, recordImportResult } from '../../lib/imports/result.js';
import type { JobRowOf } from '../../lib/jobs/job.js';
import { beginMembersAnew, cancelMembers, lockParent } from '../../lib/jobs/members.js';
import { completeJob } from '../../lib/jobs/repository.js';
import { importKey } from '../../lib/storage/keys.js';
import type { JobContext, Processor } from './processor.js';

type ImportJob = JobRowOf<'import'>;

/** How often the result moves while rows are read, in ms. */
const RECORD_EVERY_MS = 1_000;
/** How soon an import that holds back looks whether there is room again, in ms. */
const LOOK_AGAIN_MS = 1_000;

/**
 * Sees to an import: makes jobs of its rows, then waits for them. Each delivery looks at the record and goes
 * on where it stands; it is woken while members end, and when the last of them has. So as not to fill the
 * backlog, at which uploads are refused, it reads on only while less than half of that waits.
 */
export function importProcessor(deps: RecordDeps): Processor<'import'> {
  const inHand = new Set<string>();
  return {
    type: 'import',
    run: async (job, context) => {
      // A delivery that comes while this process reads has nothing to add; whoever reads looks at the end.
      if (inHand.has(job.id)) return context.waits();
      inHand.add(job.id);
      await readRows(deps, job, context).finally(() => inHand.delete(job.id));
      const { row, result, unfinished } = await look(deps, job.id);
      if (row.position < row.bytes || unfinished > 0) return context.waits();
      const { database, store } = deps;
      await database.query('jobs.complete', (sql) => completeJob(sql, job.id, result));
      await store.remove(importKey(job.id));
    },
    cancel: (job) => cancelImport(deps, job.id),
  };
}

async function readRows(deps: RecordDeps, job: ImportJob, { signal }: JobContext): Promise<void> {
  const { database, dispatcher } = deps;
  const row = await database.query('imports.find', (sql) => findImport(sql, job.id));
  if (!row) throw new Error('a job of type import has no import');
  if (row.run < job.run) await beginAnew(deps, job, signal);
  let recordedAt = performance.now();
  const outcome = await recordImport(deps, job, row, signal, async () => {
    if (performance.now() - recordedAt < RECORD_EVERY_MS) return;
    await look(deps, job.id);
    recordedAt = performance.now();
  });
  // The ends of its own members would tell it too, but those that wait may be of others.
  if (outcome === 'paused') await dispatcher.wakeLater(job, LOOK_AGAIN_MS);
}

/** An import that is begun anew has members of the run before that failed or were cancelled. */
async function beginAnew(deps: RecordDeps, job: ImportJob, signal: AbortSignal): Promise<void> {
  await beginMembersAnew(deps, job, signal);
  await deps.database.query('imports.beginRun', (sql) => beginImportRun(sql, job.id, job.run));
}

async function look({ database }: RecordDeps, id: string): Promise<ImportState> {
  return database.transaction('imports.look', async (sql) => {
    await lockParent(sql, id);
    const state = await readImportState(sql, id);
    await recordImportResult(sql, state);
    return state;
  });
}

async function cancelImport(deps: RecordDeps, id: string): Promise<void> {
  await cancelMembers(deps, id);
  await look(deps, id);
}
