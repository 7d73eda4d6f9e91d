import type { Database, Executor } from '../database/client.js';
import { lockParent, recordSoFar } from '../jobs/members.js';
import { hasEnded, type JobState } from '../jobs/state.js';
import type { BatchResult, StepSummary } from './batch.js';
import { countMembers } from './member-rows.js';
import { type BatchRow, findBatch } from './repository.js';
import type { BatchStep } from './steps.js';

/** Where a batch stands: its row, and what has come of it. */
export interface BatchState {
  readonly batch: BatchRow;
  readonly result: BatchResult;
  /** Members that have not ended, those that have no row yet among them. */
  readonly unfinished: number;
}

/** What a batch has come to before it begins. */
export function firstResult(total: number, steps: readonly BatchStep[]): BatchResult {
  return {
    members: { total, completed: 0, failed: 0, cancelled: 0 },
    steps: steps.map(({ name, type }) => ({ name, type, jobId: null, state: 'waiting' })),
  };
}

/**
 * Where a batch stands now.
 *
 * @param ends whether nothing is added to it any more: what has not begun never will
 * @throws Error when it is gone
 */
export async function readBatchState(sql: Executor, id: string, ends = false): Promise<BatchState> {
  const batch = await findBatch(sql, id);
  if (!batch) throw new Error('a job of type batch has no batch');
  const [{ recorded, completed, failed, cancelled }, jobs] = await Promise.all([
    countMembers(sql, id),
    statesOf(sql, Object.values(batch.stepJobs).flat()),
  ]);
  const closed = ends || batch.stopped;
  const never = closed ? batch.total - recorded : 0;
  const steps = batch.steps.map(({ name, type }, index): StepSummary => {
    const ids = batch.stepJobs[index] ?? [];
    const state = worst(ids.map((jobId) => jobs.get(jobId) ?? 'cancelled'));
    return { name, type, jobId: ids[0] ?? null, state: state ?? (closed ? 'skipped' : 'waiting') };
  });
  const members = { total: batch.total, completed, failed, cancelled: cancelled + never };
  return {
    batch,
    result: { members, steps },
    unfinished: batch.total - completed - failed - members.cancelled,
  };
}

/** Per cent of members and steps that have ended; the last is the batch's own end. */
export function progressOf({ result: { members, steps }, unfinished }: BatchState): number {
  const ended = members.total - unfinished + steps.filter(isOver).length;
  return Math.min(99, Math.floor((100 * ended) / (members.total + steps.length)));
}

/** Whether nothing more comes of a step. */
export function isOver({ state }: Pick<StepSummary, 'state'>): boolean {
  return state === 'skipped' || (state !== 'waiting' && hasEnded(state));
}

/** Looks where a batch stands, and records that. @param ends see {@link readBatchState} */
export async function recordBatchState(database: Database, id: string, ends = false): Promise<BatchState> {
  return database.transaction('batches.look', async (sql) => {
    await lockParent(sql, id);
    const state = await readBatchState(sql, id, ends);
    await recordSoFar(sql, id, state.result, progressOf(state));
    return state;
  });
}

async function statesOf(sql: Executor, ids: readonly string[]): Promise<Map<string, JobState>> {
  if (ids.length === 0) return new Map();
  const rows = await sql<
    { id: string; state: JobState }[]
  >`select id, state from jobs where id in ${sql(ids)}`;
  return new Map(rows.map(({ id, state }) => [id, state]));
}

/** A step that has several jobs stands where the one stands that has come least far. */
function worst(states: readonly JobState[]): JobState | undefined {
  const order = ['active', 'queued', 'failed', 'cancelled', 'completed'] as const;
  return order.find((state) => states.includes(state));
}
