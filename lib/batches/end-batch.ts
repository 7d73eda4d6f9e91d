import type { ChangeDeps } from '../jobs/cancel.js';
import type { JobRow } from '../jobs/job.js';
import { cancelMembers, cancelSteps } from '../jobs/members.js';
import { recordBatchState } from './result.js';

/** Ends everything that a cancelled batch has begun: members and steps, waiting or in hand. */
export async function cancelBatch(deps: ChangeDeps, { id }: Pick<JobRow, 'id'>): Promise<void> {
  await cancelMembers(deps, id);
  await cancelSteps(deps, id);
  await recordBatchState(deps.database, id, true);
}
