import { isPrompt, REQUEST_DURATION } from '../http/durations.js';
import { LOOP_DELAY, PROCESS_MEMORY } from '../metrics/process.js';
import type { MetricValues } from '../metrics/snapshot.js';

/** How many fell into each bucket or one below it, by the bucket's upper bound; a Prometheus histogram. */
export type Buckets = ReadonlyMap<number, number>;

/** What alarms read from the metrics of this process and of the worker that it looks after: counts so far. */
export interface Reading {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly requests: number;
  /** Those that were answered with 5xx. */
  readonly errors: number;
  /** Durations in seconds of requests whose answers should come at once. */
  readonly prompt: Buckets;
  /** Delays in seconds, by process. */
  readonly loops: ReadonlyMap<string, Buckets>;
  /** Resident memory of the processes together. */
  readonly rssBytes: number;
}

/** Reads the metrics of one moment, of one or more processes. */
export function readMetrics(metrics: readonly MetricValues[], at: number): Reading {
  let [requests, errors, rssBytes] = [0, 0, 0];
  const prompt = new Map<number, number>();
  const loops = new Map<string, Map<number, number>>();
  for (const { name, values } of metrics) {
    for (const { metricName, labels, value } of values) {
      if (name === REQUEST_DURATION && metricName === `${name}_count`) {
        requests += value;
        if (Number(labels['status_code']) >= 500) errors += value;
      } else if (name === REQUEST_DURATION && metricName === `${name}_bucket`) {
        if (isPrompt(String(labels['method']), String(labels['route']))) count(prompt, labels['le'], value);
      } else if (name === LOOP_DELAY && metricName === `${name}_bucket`) {
        const process = String(labels['process']);
        const loop = loops.get(process) ?? new Map<number, number>();
        loops.set(process, loop);
        count(loop, labels['le'], value);
      } else if (name === PROCESS_MEMORY && labels['kind'] === 'rss') rssBytes += value;
    }
  }
  return { at, requests, errors, prompt, loops, rssBytes };
}

function count(buckets: Map<number, number>, bound: unknown, value: number): void {
  const upTo = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
  buckets.set(upTo, (buckets.get(upTo) ?? 0) + value);
}

/**
 * What was counted between two readings. A process that began anew counts from 0: then all that it has
 * counted is new.
 */
export function increase(before: Buckets | undefined, after: Buckets): Buckets {
  const isNew = [...after].some(([bound, value]) => value < (before?.get(bound) ?? 0));
  if (isNew) return after;
  return new Map([...after].map(([bound, value]) => [bound, value - (before?.get(bound) ?? 0)]));
}

/** How many there are in all. */
export function total(buckets: Buckets): number {
  return Math.max(0, ...buckets.values());
}

/**
 * The quantile of a histogram, as Prometheus' `histogram_quantile` estimates it: evenly within a bucket, and
 * never more than the highest bound. 0 of an empty one.
 */
export function quantile(buckets: Buckets, q: number): number {
  const rank = q * total(buckets);
  let [lower, below] = [0, 0];
  for (const [bound, count] of [...buckets].sort(([a], [b]) => a - b)) {
    if (count >= rank && count > below)
      return bound === Number.POSITIVE_INFINITY
        ? lower
        : lower + ((bound - lower) * (rank - below)) / (count - below);
    if (bound !== Number.POSITIVE_INFINITY) lower = bound;
    below = count;
  }
  return 0;
}
