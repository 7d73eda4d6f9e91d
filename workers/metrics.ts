import { Counter, Gauge, Registry } from 'prom-client';
import type { Breakers } from '../lib/breaker/breakers.js';
import { enqueueCounter, type JobAttempt, jobMetrics } from '../lib/metrics/jobs.js';
import { watchProcess } from '../lib/metrics/process.js';
import { queryHistogram } from '../lib/metrics/queries.js';
import type { ResizePool } from './pool.js';

/** The worker process's metrics, and how its parts feed them. */
export interface WorkerMetrics {
  readonly registry: Registry;
  readonly onOutcome: (outcome: JobAttempt) => void;
  /** Counts the jobs that were handed to a queue. */
  readonly onEnqueued: (type: string, count: number) => void;
  readonly onQuery: (name: string, seconds: number) => void;
  /** Shows which dependencies are left alone because they were down. */
  watchBreakers(breakers: Pick<Breakers, 'counts'>): void;
}

/** Builds the worker's registry; every metric carries `process="worker"`. */
export function createWorkerMetrics(pool: ResizePool): WorkerMetrics {
  const registry = new Registry();
  registry.setDefaultLabels({ process: 'worker' });
  watchProcess(registry);
  watchResizePool(registry, pool);
  return {
    registry,
    onOutcome: jobMetrics(registry),
    onEnqueued: enqueueCounter(registry),
    onQuery: queryHistogram(registry),
    watchBreakers: (breakers) => watchBreakers(registry, breakers),
  };
}

function watchBreakers(registry: Registry, breakers: Pick<Breakers, 'counts'>): void {
  new Gauge({
    name: 'circuit_breakers',
    help: 'Hosts of a dependency that have failed, by the state of their breaker',
    labelNames: ['dependency', 'state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { dependency, state, count } of breakers.counts()) this.set({ dependency, state }, count);
    },
  });
}

/** Shows how busy the resize threads are: the rate of their busy seconds, divided by how many there are. */
function watchResizePool(registry: Registry, pool: ResizePool): void {
  const registers = [registry];
  new Gauge({
    name: 'resize_pool_threads',
    help: 'Resize threads',
    registers,
    collect() {
      this.set(pool.threads);
    },
  });
  new Gauge({
    name: 'resize_pool_waiting',
    help: 'Tasks that wait for a resize thread',
    registers,
    collect() {
      this.set(pool.waiting);
    },
  });
  new Counter({
    name: 'resize_pool_busy_seconds_total',
    help: 'Time that the resize threads have spent on tasks',
    registers,
    collect() {
      this.reset();
      this.inc(pool.busySeconds);
    },
  });
}
