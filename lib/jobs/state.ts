/** Where a job stands; the last three are its ends. */
export const jobStates = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** Whether a state is an end: nothing changes after it. */
export function hasEnded(state: JobState): boolean {
  return state !== 'queued' && state !== 'active';
}

/** Whether a job in this state can be begun anew. */
export function canBeRetried(state: JobState): boolean {
  return state === 'failed' || state === 'cancelled';
}
