import t from 'tap';
import { ReadingWindow } from '../../../lib/alarms/process-snapshot.js';
import { quantile, readMetrics } from '../../../lib/alarms/reading.js';
import { HttpDurations } from '../../../lib/http/durations.js';
import type { MetricValues } from '../../../lib/metrics/snapshot.js';

const LIMIT = 1_000;

/** Metrics as a process shows them. */
function metricsOf(durations: HttpDurations, process: string, late: Record<string, number>): MetricValues[] {
  return [
    durations.snapshot({ process }),
    {
      name: 'event_loop_delay_seconds',
      values: Object.entries(late).map(([le, value]) => ({
        metricName: 'event_loop_delay_seconds_bucket',
        labels: { process, le },
        value,
      })),
    },
    { name: 'process_memory_bytes', values: [{ labels: { process, kind: 'rss' }, value: 100 }] },
    { name: 'process_memory_bytes', values: [{ labels: { process, kind: 'heap_used' }, value: 7_000 }] },
  ];
}

t.test('what is counted since a minute ago, and nothing before', async (t) => {
  const durations = new HttpDurations();
  const window = new ReadingWindow();
  const look = (second: number) =>
    window.add(
      readMetrics(metricsOf(durations, 'api', { 0.1: 0, '+Inf': 0 }), second * 1000),
      LIMIT,
      undefined,
    );
  const poll = durations.route('GET', '/v1/jobs/:id');
  for (let count = 0; count < 100; count++) poll(503, 0.03);
  t.match(look(0), { requests: 100, errors: 100 }, 'the first look sees all there is');
  for (let count = 0; count < 50; count++) poll(200, 0.03);
  t.match(look(30), { requests: 50, errors: 0, prompt: { requests: 50 } });
  t.match(look(61), { requests: 50 }, 'the last look before the minute is where it counts from');
  t.match(look(120), { requests: 0, errors: 0, prompt: { requests: 0, p95Ms: 0 } });
});

t.test('files, streams and uploads take their time', async (t) => {
  const durations = new HttpDurations();
  for (const [method, route] of [
    ['GET', '/v1/exports/stream'],
    ['GET', '/v1/images/:id/content'],
    ['GET', '/v1/jobs/:id/events'],
    ['POST', '/v1/images'],
  ] as const)
    durations.route(method, route)(200, 50);
  durations.route('GET', '/v1/images')(200, 0.004);
  const snapshot = new ReadingWindow().add(readMetrics([durations.snapshot({})], 0), LIMIT, undefined);
  t.match(snapshot, { requests: 5, prompt: { requests: 1 } });
  t.ok(snapshot.prompt.p95Ms <= 5);
});

t.test('memory of both processes, each loop by itself, and a worker that began anew', async (t) => {
  const none = new HttpDurations();
  const window = new ReadingWindow();
  const look = (second: number, worker: Record<string, number>) =>
    window.add(
      readMetrics(
        [...metricsOf(none, 'api', { 0.1: 500, '+Inf': 500 }), ...metricsOf(none, 'worker', worker)],
        second * 1000,
      ),
      LIMIT,
      true,
    );
  look(0, { 0.1: 900, 0.25: 900, '+Inf': 900 });
  t.same(look(10, { 0.1: 950, 0.25: 950, '+Inf': 950 }).loops, [], 'too early to tell');
  const { memory, loops } = look(40, { 0.1: 50, 0.25: 100, '+Inf': 100 });
  t.same(memory, { usedBytes: 200, limitBytes: LIMIT });
  t.same(loops[0], { process: 'api', p99Ms: 0 });
  t.match(loops[1]?.process, 'worker');
  t.ok((loops[1]?.p99Ms ?? 0) > 200, 'counted from its start, not from what its predecessor had counted');
});

t.test('quantiles are those of Prometheus', async (t) => {
  const buckets = new Map([
    [0.1, 10],
    [0.2, 20],
    [0.5, 20],
    [Number.POSITIVE_INFINITY, 40],
  ]);
  t.equal(quantile(buckets, 0.25), 0.1);
  t.equal(quantile(buckets, 0.375).toFixed(3), '0.150', 'evenly within a bucket');
  t.equal(quantile(buckets, 0.99), 0.5, 'never more than the highest bound');
  t.equal(quantile(new Map(), 0.99), 0);
});
