import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Database } from '../database/client.js';

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
  const labels = new Map<string, { operation: string; table: string }>();
  return (name, seconds) => {
    let known = labels.get(name);
    if (known === undefined) {
      const [table = name, operation = 'query'] = name.split('.', 2);
      known = { operation, table };
      labels.set(name, known);
    }
    histogram.observe(known, seconds);
  };
}

/** Shows how much of a pool is in use. */
export function watchPool(registry: Registry, { load }: Pick<Database, 'load'>): void {
  const registers = [registry];
  new Gauge({
    name: 'db_pool_connections_max',
    help: 'Connections that the pool may have',
    registers,
    collect() {
      this.set(load.connections);
    },
  });
  new Gauge({
    name: 'db_pool_operations',
    help: 'Queries and transactions that have a connection or wait for one',
    registers,
    collect() {
      this.set(load.operations);
    },
  });
  new Gauge({
    name: 'db_pool_utilization',
    help: 'Share of the pool in use, 0 to 1; at 1 queries wait for a connection',
    registers,
    collect() {
      this.set(Math.min(1, load.operations / load.connections));
    },
  });
}
