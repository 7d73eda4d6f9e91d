import { Histogram, type Registry } from 'prom-client';

/** Query durations in seconds. */
const QUERY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** The histogram of queries, by the name's two halves: `images.find` is operation find on table images. */
export function queryHistogram(registry: Registry): (name: string, seconds: number) => void {
  const histogram = new Histogram({
    name: 'db_query_duration_seconds',
    help: 'Time of a database query, with its wait for a connection',
    labelNames: ['operation', 'table'],
    buckets: QUERY_BUCKETS,
    registers: [registry],
  });
  return (name, seconds) => {
    const [table = name, operation = 'query'] = name.split('.', 2);
    histogram.observe({ operation, table }, seconds);
  };
}
