import { setTimeout as delay } from 'node:timers/promises';
import { cancelBatch } from '../../lib/batches/end-batch.js';
import { type ExpandDeps, expandBatch } from '../../lib/batches/expand.js';
import { beginRun, endLease, findBatch, stopBatch, takeLease } from '../../lib/batches/repository.js';
import { type BatchState, isOver, recordBatchState } from '../../lib/batches/result.js';
import { startSteps } from '../../lib/batches/start-steps.js';
import { Problem } from '../../lib/errors.js';
import type { JobRowOf } from '../../lib/jobs/job.js';
import { beginMembersAnew, cancelMembers } from '../../lib/jobs/members.js';
import { completeJob } from '../../lib/jobs/repository.js';
import type { JobContext, Processor } from './processor.js';

type BatchJob = JobRowOf<'batch'>;

/** How often a delivery looks whether another worker that makes the members has died, in ms. */
const LOOK_AGAIN_MS = 500;

/**
 * Sees to a batch: makes its members, waits for them, and starts its steps. Each delivery looks at the
 * record and does what comes next: it is woken while members end, when the last of them has, and when a step has.
 */
export function batchProcessor(deps: ExpandDeps): Processor<'batch'> {
  const inHand = new Set<string>();
  return {
    type: 'batch',
    run: async (job, context) => {
      await beginAnew(deps, job, context);
      // A delivery that comes while this process makes members only tells how far they are.
      if (!inHand.has(job.id)) {
        inHand.add(job.id);
        await makeMembers(deps, job, context).finally(() => inHand.delete(job.id));
      }
      await next(deps, job, context);
    },
    cancel: (job) => cancelBatch(deps, job),
  };
}

/** A batch that is begun anew has members of the run before that failed or were cancelled. */
async function beginAnew(deps: ExpandDeps, job: BatchJob, context: JobContext): Promise<void> {
  const { database } = deps;
  const batch = await database.query('batches.find', (sql) => findBatch(sql, job.id));
  if (!batch || batch.run >= job.run) return;
  await beginMembersAnew(deps, job, context.signal);
  await database.query('batches.beginRun', (sql) => beginRun(sql, job.id, job.run));
}

/** Sees to it that the members are made, by this worker or by the one that has it in hand. */
async function makeMembers(deps: ExpandDeps, job: BatchJob, { signal }: JobContext): Promise<void> {
  const { database } = deps;
  for (;;) {
    const batch = await database.query('batches.find', (sql) => findBatch(sql, job.id));
    if (!batch || batch.stopped || batch.expanded >= batch.total) return;
    if (await database.query('batches.takeLease', (sql) => takeLease(sql, job.id))) {
      try {
        await expandBatch(deps, job, batch, signal);
        return;
      } finally {
        await database.query('batches.endLease', (sql) => endLease(sql, job.id)).catch(() => undefined);
      }
    }
    await delay(LOOK_AGAIN_MS, undefined, { signal });
  }
}

/** Records how far the batch is, and does what comes next. */
async function next(deps: ExpandDeps, job: BatchJob, context: JobContext): Promise<void> {
  const state = await recordBatchState(deps.database, job.id);
  const { batch, result, unfinished } = state;
  const failure = failureOf(state);
  if (failure) return stop(deps, job, context, failure);
  if (unfinished > 0 || batch.expanded < batch.total) return context.waits();
  // Started steps stand in the result at once.
  if (await startSteps(deps, job, state)) await recordBatchState(deps.database, job.id);
  if (!result.steps.every(isOver)) return context.waits();
  await deps.database.query('jobs.complete', (sql) => completeJob(sql, job.id, result));
}

/** Ends a batch that a failure stops, once nothing of it is in hand. */
async function stop(deps: ExpandDeps, job: BatchJob, context: JobContext, failure: Problem): Promise<void> {
  await deps.database.query('batches.stop', (sql) => stopBatch(sql, job.id));
  await cancelMembers(deps, job.id, ['queued']);
  const { unfinished, result } = await recordBatchState(deps.database, job.id);
  if (unfinished > 0 || !result.steps.every(isOver)) return context.waits();
  throw failure;
}

/** What stops a batch whose policy is to stop. */
function failureOf({ batch, result: { members, steps } }: BatchState): Problem | undefined {
  if (batch.onFailure !== 'stop') return undefined;
  if (members.failed > 0) {
    const detail = `${members.failed} of ${members.total} members failed; what waited then was cancelled.`;
    return new Problem('BATCH_MEMBER_FAILED', detail);
  }
  const step = steps.find(({ state }) => state === 'failed');
  return (
    step && new Problem('BATCH_STEP_FAILED', `The step ${step.name} failed; those after it were skipped.`)
  );
}
