/** Buckets in seconds: from a cached poll to a slow upload. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 60];
/** The histogram's name, as alarms read it too. */
export const REQUEST_DURATION = 'http_request_duration_seconds';

/** Files and streams last as long as their clients take to read them, or to send them. */
const BULK_ROUTES = /\/(content|stream|events|report)$/;
const BULK_POSTS = /^\/v1\/(images|imports)$/;

/** Whether an answer should come at once: how long it takes is then the service's doing, not the client's. */
export function isPrompt(method: string, route: string): boolean {
  return !BULK_ROUTES.test(route) && !(method === 'POST' && BULK_POSTS.test(route));
}

interface Series {
  readonly labels: Readonly<Record<'method' | 'route' | 'status_code', string | number>>;
  /** How many fell into each bucket alone; the last is for what is longer than all. */
  readonly counts: Float64Array;
  sum: number;
}

/** Takes the durations of one method and route. */
export type RouteDurations = (status: number, seconds: number) => void;

/**
 * The histogram of request durations. prom-client's own hashes its labels with each observation, which
 * costs a cached poll a tenth of its time; here a route looks its labels up once.
 */
export class HttpDurations {
  readonly #series: Series[] = [];
  readonly #routes = new Map<string, RouteDurations>();

  /** The function that a route calls with each of its answers. */
  route(method: string, route: string): RouteDurations {
    const key = `${method} ${route}`;
    const present = this.#routes.get(key);
    if (present) return present;
    const durations = this.#newRoute(method, route);
    this.#routes.set(key, durations);
    return durations;
  }

  #newRoute(method: string, route: string): RouteDurations {
    const byStatus: Series[] = [];
    return (status, seconds) => {
      let series = byStatus[status];
      if (series === undefined) {
        const labels = { method, route, status_code: status };
        series = { labels, counts: new Float64Array(BUCKETS.length + 1), sum: 0 };
        byStatus[status] = series;
        this.#series.push(series);
      }
      let bucket = 0;
      while (seconds > (BUCKETS[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      series.sum += seconds;
    };
  }

  /** The histogram as prom-client's registries exchange it. */
  snapshot(more: Readonly<Record<string, string>>) {
    return {
      name: REQUEST_DURATION,
      help: 'Time from the request to the end of its answer, but for what the client asked to wait',
      type: 'histogram' as const,
      aggregator: 'sum' as const,
      values: this.#series.flatMap((series) => valuesOf(series, more)),
    };
  }
}

/** Prometheus counts cumulatively: each bucket holds all that took no longer. */
function valuesOf({ labels, counts, sum }: Series, more: Readonly<Record<string, string>>) {
  const all = { ...more, ...labels };
  let count = 0;
  const buckets = [...counts].map((inBucket, index) => {
    count += inBucket;
    return {
      metricName: `${REQUEST_DURATION}_bucket`,
      labels: { ...all, le: BUCKETS[index] ?? '+Inf' },
      value: count,
    };
  });
  return [
    ...buckets,
    { metricName: `${REQUEST_DURATION}_sum`, labels: all, value: sum },
    { metricName: `${REQUEST_DURATION}_count`, labels: all, value: count },
  ];
}
