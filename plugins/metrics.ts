import type { FastifyInstance, onResponseHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import { AggregatorRegistry, Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { HttpDurations } from '../lib/http/durations.js';
import { queryHistogram } from '../lib/metrics.js';

/** Metrics of other processes, as prom-client's JSON. */
export type MetricsSource = () => Promise<Awaited<ReturnType<Registry['getMetricsAsJSON']>>>;

/** What the service counts and times. */
export interface Metrics {
  readonly onQuery: (name: string, seconds: number) => void;
  /** Counts a request that no route answered. */
  onUnrouted(method: string, status: number, seconds: number): void;
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
    watchEventLoop(app, registry);
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
      onUnrouted: (method, status, seconds) => durations.route(method, 'none')(status, seconds),
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

const LOOP_CHECK_MS = 100;

/** The delay of the event loop as a histogram: how late a timer is that should fire ten times a second. */
function watchEventLoop(app: FastifyInstance, registry: Registry): void {
  const histogram = new Histogram({
    name: 'event_loop_delay_seconds',
    help: 'How late a timer fired',
    buckets: [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1],
    registers: [registry],
  });
  let expected = performance.now() + LOOP_CHECK_MS;
  const timer = setInterval(() => {
    histogram.observe(Math.max(0, performance.now() - expected) / 1000);
    expected = performance.now() + LOOP_CHECK_MS;
  }, LOOP_CHECK_MS);
  app.addHook('onClose', async () => clearInterval(timer));
}
