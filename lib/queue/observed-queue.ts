import { inSpan, SpanKind } from '../telemetry/tracing.js';
import type { JobQueue } from './queue.js';

/**
 * A queue whose takings are counted and, where a trace is under way, are a span of it.
 *
 * BullMQ's own telemetry is not used: it would carry the trace in the queue's copy of a job, which is lost
 * with an emptied Redis, and make spans of every look for maintenance and stalled jobs. Ours stands on the
 * job's row, and is the same on both backends.
 */
export function observeQueue(
  type: string,
  queue: JobQueue,
  onAdded: (type: string, count: number) => void,
): JobQueue {
  const facts = {
    name: `enqueue ${type}`,
    kind: SpanKind.PRODUCER,
    attributes: { 'messaging.system': 'bullmq', 'messaging.destination.name': type },
  };
  return {
    ...queue,
    add: async (jobs) => {
      await inSpan(
        () => facts,
        () => queue.add(jobs),
      );
      onAdded(type, jobs.length);
    },
  };
}
