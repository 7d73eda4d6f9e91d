import { Counter, Histogram, type Registry } from 'prom-client';

/** How one attempt of a job went. */
export interface JobAttempt {
  readonly type: string;
  readonly outcome: string;
  readonly runSeconds: number;
  /** From the creation of the job to its first start. */
  readonly waitSeconds: number;
}

/** Job durations in seconds: from a small JPEG to a slow AVIF. */
const JOB_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Counts and times the attempts of jobs, by type and outcome. */
export function jobMetrics(registry: Registry): (attempt: JobAttempt) => void {
  const registers = [registry];
  const counter = new Counter({
    name: 'jobs_total',
    help: 'Attempts of jobs that have ended; of those that failed, `retried` have another attempt',
    labelNames: ['type', 'outcome'],
    registers,
  });
  const run = new Histogram({
    name: 'job_run_duration_seconds',
    help: 'Time of one attempt of a job',
    labelNames: ['type', 'outcome'],
    buckets: JOB_BUCKETS,
    registers,
  });
  const wait = new Histogram({
    name: 'job_wait_duration_seconds',
    help: 'Time from the creation of a job to its first start',
    labelNames: ['type'],
    buckets: JOB_BUCKETS,
    registers,
  });
  return ({ type, outcome, runSeconds, waitSeconds }) => {
    counter.inc({ type, outcome });
    run.observe({ type, outcome }, runSeconds);
    if (outcome !== 'retried' && outcome !== 'waiting') wait.observe({ type }, waitSeconds);
  };
}

/** Counts the jobs that are handed to a queue. */
export function enqueueCounter(registry: Registry): (type: string, count: number) => void {
  const counter = new Counter({
    name: 'jobs_enqueued_total',
    help: 'Jobs that were handed to the queue by this process',
    labelNames: ['type'],
    registers: [registry],
  });
  return (type, count) => counter.inc({ type }, count);
}
