import type { onResponseHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import { AggregatorRegistry, Counter, Registry } from 'prom-client';
import { HttpDurations } from '../lib/http/durations.js';
import { enqueueCounter } from '../lib/metrics/jobs.js';
import { watchProcess } from '../lib/metrics/process.js';
import { queryHistogram } from '../lib/metrics/queries.js';
import type { MetricValues } from '../lib/metrics/snapshot.js';

/** Metrics of another process; empty when it does not answer. */
export type MetricsSource = () => Promise<readonly MetricValues[]>;

/** The metrics of this process, and of the worker that it supervises: empty where that does not answer. */
export interface Snapshots {
  readonly own: readonly MetricValues[];
  readonly worker: readonly MetricValues[];
}

/** What the service counts and times. */
export interface Metrics {
  /** Of this process: other plugins add to it. */
  readonly registry: Registry;
  /** Of the whole service, read from the record when somebody asks for the text: no alarm needs them. */
  readonly serviceRegistry: Registry;
  readonly onQuery: (name: string, seconds: number) => void;
  /** Counts the jobs that were handed to a queue. */
  readonly onEnqueued: (type: string, count: number) => void;
  /** Counts a request that no route answered. */
  onUnrouted(method: string, status: number, seconds: number): void;
  /** Shows how often job state came from the cache. */
  watchJobCache(cache: { readonly hits: number; readonly misses: number }): void;
  snapshots(): Promise<Snapshots>;
  /** Both as Prometheus' text. */
  text(): Promise<string>;
  readonly contentType: string;
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly metrics: Metrics;
  }
}

const PROCESS = { process: 'api' };

/** Prometheus metrics; every one of this process carries `process="api"`. */
export default fp<{ workerMetrics: MetricsSource }>(
  async (app, { workerMetrics }) => {
    const registry = new Registry();
    const serviceRegistry = new Registry();
    for (const each of [registry, serviceRegistry]) each.setDefaultLabels(PROCESS);
    const stopWatching = watchProcess(registry);
    app.addHook('onClose', async () => stopWatching());
    const durations = new HttpDurations();
    app.addHook('onRoute', (route) => {
      const perMethod = new Map(
        [route.method].flat().map((method) => [method, durations.route(method, route.url)]),
      );
      const observe: onResponseHookHandler = (request, reply, done) => {
        perMethod.get(request.method)?.(reply.statusCode, request.timings.taken() / 1000);
        done();
      };
      route.onResponse = [...[route.onResponse ?? []].flat(), observe];
    });
    const snapshots = async (): Promise<Snapshots> => {
      const [own, worker] = await Promise.all([registry.getMetricsAsJSON(), workerMetrics()]);
      return { own: [...own, durations.snapshot(PROCESS)], worker };
    };
    app.decorate('metrics', {
      registry,
      serviceRegistry,
      onQuery: queryHistogram(registry),
      onEnqueued: enqueueCounter(registry),
      onUnrouted: (method, status, seconds) => durations.route(method, 'none')(status, seconds),
      watchJobCache: (cache) => watchCache(registry, cache),
      snapshots,
      text: async () => {
        const [{ own, worker }, service] = await Promise.all([
          snapshots(),
          serviceRegistry.getMetricsAsJSON(),
        ]);
        return AggregatorRegistry.aggregate([[...own], service, [...worker]]).metrics();
      },
      contentType: registry.contentType,
    } satisfies Metrics);
  },
  { name: 'metrics', dependencies: ['request-context'] },
);

function watchCache(registry: Registry, cache: { readonly hits: number; readonly misses: number }): void {
  new Counter({
    name: 'job_cache_reads_total',
    help: 'Reads of job state, by whether the cache had it',
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset();
      this.inc({ result: 'hit' }, cache.hits);
      this.inc({ result: 'miss' }, cache.misses);
    },
  });
}
