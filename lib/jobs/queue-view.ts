import type { Executor } from '../database/client.js';
import { type JobType, jobTypes } from './job.js';
import { findPaused } from './operate.js';
import { type Percentiles, readEnded, readWaiting } from './queue-stats.js';
import type { JobState } from './state.js';

/** The queue of one type of jobs, as an operator sees it. */
export interface QueueView {
  readonly name: JobType;
  readonly paused: boolean;
  readonly counts: Readonly<Record<JobState | 'delayed', number>>;
  readonly oldestQueuedAt: string | null;
  readonly oldestQueuedSeconds: number | null;
  readonly throughputPerMinute: number;
  readonly waitMs: Percentiles;
  readonly runMs: Percentiles;
}

const NOTHING: Percentiles = { p50: null, p95: null, p99: null };

/** Every queue, in the order of the types. */
export async function readQueues(sql: Executor): Promise<QueueView[]> {
  const [waiting, ended, paused] = await Promise.all([readWaiting(sql), readEnded(sql), findPaused(sql)]);
  return jobTypes.map((name) => {
    const of = (state: 'queued' | 'delayed' | 'active') =>
      waiting.find((jobs) => jobs.type === name && jobs.state === state);
    const past = ended.find(({ type }) => type === name);
    const queued = of('queued');
    return {
      name,
      paused: paused.has(name),
      counts: {
        queued: queued?.count ?? 0,
        delayed: of('delayed')?.count ?? 0,
        active: of('active')?.count ?? 0,
        completed: past?.completed ?? 0,
        failed: past?.failed ?? 0,
        cancelled: past?.cancelled ?? 0,
      },
      oldestQueuedAt: queued?.oldestAt.toISOString() ?? null,
      oldestQueuedSeconds: queued ? Math.round(queued.oldestSeconds * 10) / 10 : null,
      throughputPerMinute: Math.round((past?.throughputPerMinute ?? 0) * 10) / 10,
      waitMs: past?.waitMs ?? NOTHING,
      runMs: past?.runMs ?? NOTHING,
    };
  });
}
