import type { onResponseHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import { AggregatorRegistry, Counter, collectDefaultMetrics, Registry } from 'prom-client';
import { HttpDurations } from '../lib/http/durations.js';
import { queryHistogram } from '../lib/metrics.js';

/** Metrics of other processes, as prom-client's JSON. */
export type MetricsSource = () => Promise<Awaited<ReturnType<Registry['getMetricsAsJSON']>>>;

/** What the service counts and times. */
export interface Metrics {
  readonly onQuery: (name: string, seconds: number) => void;
  /** Shows how often job state came from the cache. */
  watchJobCache(cache: { readonly hits: number; readonly misses: number }): void;
  /** The Prometheus text of this process and of the worker it supervises. */
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
    registry.setDefaultLabels(PROCESS);
    // With it the delay of the event loop, as quantiles, and garbage collection as a histogram.
    collectDefaultMetrics({ register: registry });
    const durations = new HttpDurations();
    app.addHook('onRoute', (route) => {
      const perMethod = new Map(
        [route.method].flat().map((method) => [method, durations.route(method, route.url)]),
      );
      const observe: onResponseHookHandler = (request, reply, done) => {
        perMethod.get(request.method)?.(reply.statusCode, request.timings.total() / 1000);
        done();
      };
      route.onResponse = [...[route.onResponse ?? []].flat(), observe];
    });
    app.decorate('metrics', {
      onQuery: queryHistogram(registry),
      watchJobCache: (cache) => {
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
      },
      text: async () => {
        const snapshots = await Promise.all([registry.getMetricsAsJSON(), workerMetrics()]);
        return AggregatorRegistry.aggregate([...snapshots, [durations.snapshot(PROCESS)]]).metrics();
      },
      contentType: registry.contentType,
    } satisfies Metrics);
  },
  { name: 'metrics', dependencies: ['request-context'] },
);
