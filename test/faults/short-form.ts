import type { Test } from 'tap';
import { type Backend, countAt, type Fault } from './fault.js';

/** Runs a fault as a test, with a share of its full counts. What is about time is only told. */
export async function shortForm(
  t: Test,
  fault: Fault,
  scale: number,
  backends: readonly Backend[] = fault.backends,
): Promise<void> {
  for (const backend of backends) {
    await t.test(`${fault.about} (${backend})`, async (t) => {
      const teardown = (callback: () => unknown): void => void t.teardown(callback);
      const { items } = await fault.run({ backend, count: countAt(scale), teardown });
      for (const { what, passed, figure, timed } of items) {
        if (timed) t.comment(`${what}: ${figure}`);
        else t.ok(passed, figure === '' ? what : `${what}: ${figure}`);
      }
    });
  }
}
