import { Gauge, type Registry } from 'prom-client';
import { jobTypes } from '../jobs/job.js';
import type { WaitingJobs } from '../jobs/queue-stats.js';

/** What is to be read for the gauges of the queues. */
export interface QueueReading {
  readonly jobs: readonly WaitingJobs[];
  /** Names of the queues that an operator has paused. */
  readonly paused: ReadonlySet<string>;
  /** Worker processes that are alive. */
  readonly workers: number;
}

const FRESH_MS = 1_000;

/**
 * Shows the depth of the queues and the age of the oldest job, by type and state. They are those of the
 * whole service: every process shows the same, so take the maximum over processes, not the sum.
 *
 * @param read asks the record; while that fails the gauges have no value
 */
export function watchQueues(registry: Registry, read: () => Promise<QueueReading>): void {
  const registers = [registry];
  const fresh = keepFresh(read);
  const labelNames = ['type', 'state'] as const;
  new Gauge({
    name: 'queue_jobs',
    help: 'Unfinished jobs of the whole service: queued, delayed or active',
    labelNames,
    registers,
    async collect() {
      const reading = await fresh();
      this.reset();
      for (const { type, state, count } of reading?.jobs ?? []) this.set({ type, state }, count);
    },
  });
  new Gauge({
    name: 'queue_oldest_job_seconds',
    help: 'How long the oldest job of the whole service has been in its state',
    labelNames,
    registers,
    async collect() {
      const reading = await fresh();
      this.reset();
      for (const { type, state, oldestSeconds } of reading?.jobs ?? [])
        this.set({ type, state }, oldestSeconds);
    },
  });
  new Gauge({
    name: 'queue_paused',
    help: '1 where an operator has paused the queue of the type',
    labelNames: ['type'],
    registers,
    async collect() {
      const reading = await fresh();
      this.reset();
      for (const type of reading ? jobTypes : []) this.set({ type }, reading?.paused.has(type) ? 1 : 0);
    },
  });
  new Gauge({
    name: 'workers_alive',
    help: 'Worker processes of the whole service that are alive',
    registers,
    async collect() {
      // Not 0, which would say that there is none.
      this.set((await fresh())?.workers ?? Number.NaN);
    },
  });
}

/** One reading serves everybody for a second, those who come while it is under way too. */
function keepFresh(read: () => Promise<QueueReading>): () => Promise<QueueReading | undefined> {
  let last: Promise<QueueReading | undefined> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (last === undefined || performance.now() - readAt > FRESH_MS) {
      readAt = performance.now();
      last = read().catch(() => undefined);
    }
    return last;
  };
}
