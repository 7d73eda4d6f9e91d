import { monotonicMs, TaskSignal } from '../lib/renditions/render-task.js';

// libvips looks at its time-out between tiles, and the disk has its moods: a thread this late is stuck.
const GRACE_MS = 4_000;

/** A task's shared memory, before it has started. */
export function newTaskSignal(): Int32Array {
  const places = Object.keys(TaskSignal).length;
  return new Int32Array(new SharedArrayBuffer(places * Int32Array.BYTES_PER_ELEMENT));
}

/** How long a task may take. */
export interface HangLimits {
  readonly timeoutSeconds: number;
  /** Tasks that have their time first, and itself. */
  readonly turns: number;
}

/**
 * Watches a task that a thread was given: native code that never returns lets nothing through but shared
 * memory. The time counts from when the task began; one that never begins has that of all before it.
 *
 * @param onHang called once when the task is still there long after its time
 */
export function watchForHang(
  signal: Int32Array,
  { timeoutSeconds, turns }: HangLimits,
  onHang: () => void,
): { stop(): void } {
  const givenAt = monotonicMs();
  const timeoutMs = timeoutSeconds * 1000;
  let timer = setTimeout(look, timeoutMs + GRACE_MS);
  function look(): void {
    const startedAt = Atomics.load(signal, TaskSignal.startedAt);
    const [since, most] = startedAt === 0 ? [givenAt, turns * timeoutMs] : [startedAt, timeoutMs];
    const left = most + GRACE_MS - ((monotonicMs() - since) | 0);
    if (left <= 0) onHang();
    // Looked at again in time for one that begins meanwhile.
    else timer = setTimeout(look, Math.min(left, timeoutMs + GRACE_MS));
  }
  return { stop: () => clearTimeout(timer) };
}
