import { collectDefaultMetrics, Gauge, Histogram, type Registry } from 'prom-client';
import { memoryLimitBytes } from '../memory-limit.js';

/** The histogram of the event loop's delay, as alarms read it too. */
export const LOOP_DELAY = 'event_loop_delay_seconds';
/** Memory of a process, as alarms read it too. */
export const PROCESS_MEMORY = 'process_memory_bytes';

const LOOP_CHECK_MS = 100;
const LOOP_BUCKETS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1];

/**
 * What every process shows of itself: prom-client's own metrics, memory by kind, and how late the event loop is.
 *
 * @returns stops the clock of the event loop
 */
export function watchProcess(registry: Registry): () => void {
  collectDefaultMetrics({ register: registry });
  watchMemory(registry);
  return watchEventLoop(registry);
}

function watchMemory(registry: Registry): void {
  new Gauge({
    name: PROCESS_MEMORY,
    help: 'Memory of the process, by kind',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
      this.set({ kind: 'rss' }, rss);
      this.set({ kind: 'heap_total' }, heapTotal);
      this.set({ kind: 'heap_used' }, heapUsed);
      this.set({ kind: 'external' }, external);
      this.set({ kind: 'array_buffers' }, arrayBuffers);
    },
  });
  new Gauge({
    name: 'memory_limit_bytes',
    help: 'Memory that all processes of this container or machine may use together',
    registers: [registry],
    collect() {
      this.set(memoryLimitBytes());
    },
  });
}

/** The delay of the event loop as a histogram: how late a timer is that should fire ten times a second. */
function watchEventLoop(registry: Registry): () => void {
  const histogram = new Histogram({
    name: LOOP_DELAY,
    help: 'How late a timer fired',
    buckets: LOOP_BUCKETS,
    registers: [registry],
  });
  let expected = performance.now() + LOOP_CHECK_MS;
  const timer = setInterval(() => {
    histogram.observe(Math.max(0, performance.now() - expected) / 1000);
    expected = performance.now() + LOOP_CHECK_MS;
  }, LOOP_CHECK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
