import type { Test } from 'tap';
import { type Delivery, GiveUp, type QueuedJob } from '../../../lib/queue/queue.js';
import { eventually, Recorder } from '../../helpers/events.js';
import { openTestQueue, type QueueAddress, someJob, type TestQueue } from '../../helpers/queue.js';

/** What a listener must hear, whatever the backend. */
export function queueListenerContract(t: Test, address: QueueAddress): void {
  t.test(
    'a listener in another process hears the start of a job, each announcement, and the end',
    async (t) => {
      const { queue, consume, elsewhere } = openTestQueue(t, address);
      const heard = new Recorder<string>();
      elsewhere().listen(heard.add);
      const job = someJob();
      consume(async ({ id, announce }) => {
        if (id !== job.id) return;
        await heard.until((ids) => ids.includes(id));
        for (const progress of [50, 75]) await hearsMore(heard, id, () => announce(progress));
      });
      await listens(heard, queue);
      await queue.add([job]);
      // The start, two announcements, the end.
      await heard.until((ids) => count(ids, job.id) >= 4);
    },
  );

  t.test(
    'a listener hears of a failure, of the wait for the next attempt, and of the last failure',
    async (t) => {
      const { queue, consume, elsewhere } = openTestQueue(t, address);
      const heard = new Recorder<string>();
      elsewhere().listen(heard.add);
      const job = someJob({ attempts: 3 });
      const before = new Recorder<number>();
      consume(async ({ id, attempt }) => {
        if (id !== job.id) return;
        await heard.until((ids) => count(ids, id) > (before.items.at(-1) ?? 0));
        before.add(count(heard.items, id));
        throw attempt === 1 ? new Error('again') : new GiveUp('no use');
      });
      await listens(heard, queue);
      await queue.add([job]);
      const [, start = 0] = await before.length(2);
      await heard.until((ids) => count(ids, job.id) > start);
    },
  );

  t.test('among thousands of new jobs a listener hears of one that is begun anew', async (t) => {
    const { queue, elsewhere } = openTestQueue(t, address);
    const heard = new Recorder<string>();
    elsewhere().listen(heard.add);
    // Nothing takes a probe away here: new ones are added until one is heard of.
    await eventually(() => queue.add([someJob()]).then(() => heard.items.length > 0 || undefined));
    const again = someJob({ run: 1 });
    await queue.add(many());
    await Promise.all([queue.add(many()), queue.add([...many(), again, ...many()])]);
    await queue.add(many());
    await heard.until((ids) => ids.includes(again.id));
  });
}

const many = (): QueuedJob[] => Array.from({ length: 500 }, () => someJob());

/** Resolves once the listener is connected: only then does it hear anything. */
async function listens(heard: Recorder<string>, queue: TestQueue['queue']): Promise<void> {
  while (heard.items.length === 0) {
    const probe = someJob();
    await queue.add([probe]);
    while ((await queue.holds(probe)) && heard.items.length === 0);
  }
}

async function hearsMore(
  heard: Recorder<string>,
  id: string,
  act: () => ReturnType<Delivery['announce']>,
): Promise<void> {
  const before = count(heard.items, id);
  await act();
  await heard.until((ids) => count(ids, id) > before);
}

function count(ids: readonly string[], id: string): number {
  return ids.filter((each) => each === id).length;
}
