import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '../errors.js';
import { type ChangeDeps, cancelJob } from '../jobs/cancel.js';
import type { JobRowOf } from '../jobs/job.js';
import { askToStop, cancelWaiting } from '../jobs/members.js';
import { type BatchState, readBatchState, recordBatchState } from './result.js';

// Two seconds for all of it: the look that finds a job cancelled takes half a second of them.
const STOP_MS = 1_000;
const LOOK_EVERY_MS = 50;
/**
 * Ends everything that a cancelled batch has begun: members and steps, waiting or in hand. It gives those
 * in hand a moment to stop, so that the batch's last counts are true.
 */
export async function cancelBatch(deps: ChangeDeps, { id, tenantId }: JobRowOf<'batch'>): Promise<void> {
  const { database } = deps;
  const read = (): Promise<BatchState> =>
    database.query('batches.state', (sql) => readBatchState(sql, id, true));
  const deadline = performance.now() + STOP_MS;
  // Those in hand first: to cancel thousands that wait takes longer than they may go on.
  await askToStop(database, id, ['active']);
  await cancelWaiting(deps, id);
  // One that was between two attempts at that moment is asked all the same.
  await askToStop(database, id);
  let state = await read();
  for (const { jobId } of state.result.steps) {
    if (jobId !== null) await cancelJob(deps, tenantId, jobId).catch(ignoreEnded);
  }
  while (isUnderWay(state) && performance.now() < deadline) {
    await delay(LOOK_EVERY_MS);
    state = await read();
  }
  await recordBatchState(database, id, true);
}

function isUnderWay({ unfinished, result }: BatchState): boolean {
  return unfinished > 0 || result.steps.some(({ state }) => state === 'queued' || state === 'active');
}

function ignoreEnded(error: unknown): void {
  if (!(error instanceof Problem)) throw error;
}
