import { type RunDueDeps, runDueSchedules } from '../lib/schedules/run-due.js';
import { Ticker } from '../lib/ticker.js';

// A tick is late by at most this.
const LOOK_EVERY_MS = 1_000;

/** Runs the schedules whose time has come, in every worker: each tick is claimed by one. @returns what ends it */
export function startSchedules(deps: RunDueDeps): { close(): Promise<void> } {
  const ticker = new Ticker({
    run: async () => void (await runDueSchedules(deps)),
    isNeeded: () => true,
    everyMs: LOOK_EVERY_MS,
    onError: (error) => deps.log.warn({ err: error }, 'could not look for schedules that are due'),
  });
  ticker.within(LOOK_EVERY_MS);
  return ticker;
}
