import fp from 'fastify-plugin';
import { AggregatorRegistry, Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
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

/** Request durations in seconds: from a cached poll to a slow upload. */
const HTTP_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Prometheus metrics; every one of this process carries `process="api"`. */
export default fp<{ workerMetrics: MetricsSource }>(
  async (app, { workerMetrics }) => {
    const registry = new Registry();
    registry.setDefaultLabels({ process: 'api' });
    // With it the delay of the event loop, as quantiles, and garbage collection as a histogram.
    collectDefaultMetrics({ register: registry });
    const http = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request to the end of its answer',
      labelNames: ['method', 'route', 'status_code'],
      buckets: HTTP_BUCKETS,
      registers: [registry],
    });
    app.addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? 'none';
      http.observe(
        { method: request.method, route, status_code: reply.statusCode },
        request.timings.total() / 1000,
      );
      done();
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
        return AggregatorRegistry.aggregate(snapshots).metrics();
      },
      contentType: registry.contentType,
    } satisfies Metrics);
  },
  { name: 'metrics', dependencies: ['request-context'] },
);
