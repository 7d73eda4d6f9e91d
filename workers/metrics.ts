import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { queryHistogram } from '../lib/metrics.js';
import type { JobOutcome } from './consumer.js';
import type { ResizePool } from './pool.js';

/** The worker process's metrics, and how the consumer feeds them. */
export interface WorkerMetrics {
  readonly registry: Registry;
  readonly onOutcome: (outcome: JobOutcome) => void;
  readonly onQuery: (name: string, seconds: number) => void;
}

/** Job durations in seconds: from a small JPEG to a slow AVIF. */
const JOB_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Builds the worker's registry; every metric carries `process="worker"`. */
export function createWorkerMetrics(pool: () => ResizePool | undefined): WorkerMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: 'worker' });
  collectDefaultMetrics({ register: registry });
  const labelNames = ['type', 'outcome'] as const;
  const run = new Histogram({
    name: 'job_run_duration_seconds',
    help: 'Time of one attempt of a job',
    labelNames,
    buckets: JOB_BUCKETS,
    registers: [registry],
  });
  const wait = new Histogram({
    name: 'job_wait_duration_seconds',
    help: 'Time from the creation of a job to its first start',
    labelNames: ['type'],
    buckets: JOB_BUCKETS,
    registers: [registry],
  });
  new Gauge({
    name: 'resize_pool_waiting',
    help: 'Tasks that wait for a resize thread',
    registers: [registry],
    collect() {
      this.set(pool()?.waiting ?? 0);
    },
  });
  new Gauge({
    name: 'resize_pool_utilization',
    help: 'Share of the resize threads’ time spent on tasks, 0 to 1',
    registers: [registry],
    collect() {
      this.set(pool()?.utilization ?? 0);
    },
  });
  return {
    registry,
    onOutcome: ({ type, outcome, runSeconds, waitSeconds }) => {
      run.observe({ type, outcome }, runSeconds);
      if (outcome !== 'retried') wait.observe({ type }, waitSeconds);
    },
    onQuery: queryHistogram(registry),
  };
}
