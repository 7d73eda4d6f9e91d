import type { Test } from 'tap';
import { newId } from '../../lib/ids.js';
import { openQueueBackend, type QueueBackend, type QueueBackendOptions } from '../../lib/queue/backend.js';
import type { ConsumerOptions, Delivery, JobQueue, QueuedJob, QueueListener } from '../../lib/queue/queue.js';
import { eventually, type LogLine, type Recorder, recordingLogger } from './events.js';
import { uniqueName } from './services.js';

/** Where the backend under test is: what {@link openQueueBackend} has to know of it. */
export type QueueAddress = Pick<QueueBackendOptions, 'databaseUrl' | 'redisUrl'>;

const LOCK_MS = 10_000;

/** One queue of a test, and what opens its two ends. Everything is closed with the test. */
export interface TestQueue {
  readonly queue: JobQueue;
  readonly name: string;
  readonly backend: QueueBackend;
  consume(process: (delivery: Delivery) => Promise<void>, options?: Partial<ConsumerOptions>): void;
  /** Listens with a backend of its own. */
  listen(onChange: QueueListener['onChange']): void;
  /** The same queue, seen from another process. */
  elsewhere(): TestQueue;
  readonly logged: Recorder<LogLine>;
}

/** Opens a queue of this test alone. */
export function openTestQueue(t: Test, address: QueueAddress, name = uniqueName('queue')): TestQueue {
  const { log, lines: logged } = recordingLogger();
  const open = (role: QueueBackendOptions['role']): QueueBackend => {
    const backend = openQueueBackend({ ...address, role, applicationName: 'halftone-test', log });
    t.teardown(() => backend.close());
    return backend;
  };
  const backend = open('producer');
  const queue = backend.openQueue(name);
  t.teardown(() => queue.close());
  return {
    queue,
    name,
    backend,
    logged,
    consume: (process, options = {}) => {
      const defaults = { concurrency: 1, lockMs: LOCK_MS, onGivenUp: () => {} };
      const consumer = open('consumer').openConsumer(name, process, { ...defaults, ...options });
      t.teardown(() => consumer.close());
    },
    listen: (onChange) => {
      const subscription = open('producer').listen(name, { onChange });
      t.teardown(() => subscription.close());
    },
    elsewhere: () => openTestQueue(t, address, name),
  };
}

/** A job to add. */
export function someJob(more: Partial<QueuedJob> = {}): QueuedJob {
  return { id: newId(), priority: 10, attempts: 3, backoffMs: 1_000, ...more };
}

/** Waits until the queue has forgotten a job: that happens a moment after its consumer returned. */
export async function gone(queue: JobQueue, id: string): Promise<void> {
  await eventually(async () => !(await queue.holds({ id })) || undefined);
}
