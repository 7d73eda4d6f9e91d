import type { MemberCounts } from '../jobs/member-counts.js';
import type { JobState } from '../jobs/state.js';

/** Most images of one batch. */
export const MAX_IMAGES = 10_000;

/** What a failure does: nothing to the others, or it ends the batch. */
export const failurePolicies = ['continue', 'stop'] as const;
export type OnFailure = (typeof failurePolicies)[number];

/** One step of a batch, in the result of its job. */
export interface StepSummary {
  readonly name: string;
  readonly type: 'export' | 'notify';
  /** Null until what it depends on has ended. */
  readonly jobId: string | null;
  /** `waiting` until it has a job; `skipped` when it will never have one. */
  readonly state: JobState | 'waiting' | 'skipped';
}

/** What a batch has come to so far. */
export interface BatchResult {
  readonly members: MemberCounts;
  readonly steps: readonly StepSummary[];
}
