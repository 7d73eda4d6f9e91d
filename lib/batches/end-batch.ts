import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../database/client.js';
import { within } from '../deadline.js';
import { Problem } from '../errors.js';
import { cancelJob } from '../jobs/cancel.js';
import type { Dispatched, Dispatcher } from '../jobs/dispatcher.js';
import type { JobRowOf } from '../jobs/job.js';
import { askToStop, cancelQueued } from './member-rows.js';
import { type BatchState, readBatchState, recordResult } from './result.js';

/** What the rest of a batch is ended with. */
export interface EndDeps {
  readonly database: Database;
  readonly dispatcher: Dispatcher;
}

/** Members that are cancelled at a time. */
const CHUNK = 1_000;
// Two seconds for all of it: the look that finds a job cancelled takes half a second of them.
const STOP_MS = 1_000;
const LOOK_EVERY_MS = 50;
/** Entries that the queue has not let go of by then are delivered, and find their jobs ended. */
const FORGET_MS = 250;

/**
 * Cancels the members that wait, in parts; those that are in hand end by themselves.
 * What the queue holds of them is taken out as far as that is quick.
 */
export async function cancelWaiting({ database, dispatcher }: EndDeps, batchId: string): Promise<void> {
  const forgetting: Promise<void>[] = [];
  for (;;) {
    const cancelled = await database.query('batches.cancelQueued', (sql) =>
      cancelQueued(sql, batchId, CHUNK),
    );
    forgetting.push(forgetAll(dispatcher, cancelled));
    if (cancelled.length < CHUNK) break;
  }
  await within(Promise.all(forgetting), FORGET_MS).catch(() => undefined);
}

async function forgetAll(dispatcher: Dispatcher, jobs: readonly Dispatched[]): Promise<void> {
  await Promise.all(jobs.map((job) => dispatcher.forget(job)));
}

/**
 * Ends everything that a cancelled batch has begun: members and steps, waiting or in hand. It gives those
 * in hand a moment to stop, so that the batch's last counts are true.
 */
export async function cancelBatch(deps: EndDeps, { id, tenantId }: JobRowOf<'batch'>): Promise<void> {
  const { database } = deps;
  const ask = (): Promise<void> => database.query('batches.askToStop', (sql) => askToStop(sql, id));
  const read = (): Promise<BatchState> =>
    database.query('batches.state', (sql) => readBatchState(sql, id, true));
  const deadline = performance.now() + STOP_MS;
  await cancelWaiting(deps, id);
  // One that was between two attempts at that moment is asked all the same.
  await ask();
  let state = await read();
  for (const { jobId } of state.result.steps) {
    if (jobId !== null) await cancelJob(deps, tenantId, jobId).catch(ignoreEnded);
  }
  while (isUnderWay(state) && performance.now() < deadline) {
    await delay(LOOK_EVERY_MS);
    state = await read();
  }
  await database.query('batches.recordResult', (sql) => recordResult(sql, id, state));
}

function isUnderWay({ unfinished, result }: BatchState): boolean {
  return unfinished > 0 || result.steps.some(({ state }) => state === 'queued' || state === 'active');
}

function ignoreEnded(error: unknown): void {
  if (!(error instanceof Problem)) throw error;
}
