import type { Test } from 'tap';
import { newId } from '../../../lib/ids.js';
import { Dispatcher } from '../../../lib/jobs/dispatcher.js';
import { insertJob } from '../../../lib/jobs/repository.js';
import { openTestDatabase } from '../../helpers/database.js';
import { Recorder, recordingLogger } from '../../helpers/events.js';
import { silentQueues } from '../../helpers/jobs.js';
import { openTestQueue, type QueueAddress } from '../../helpers/queue.js';

const MANY = 1_000;
const ROUNDS = 8;
const FIRST = 64;
const A_ROUND = 24;

/** A queue of two tenants, and how a service fills and empties it. */
async function openFairness(t: Test, address: (databaseUrl: string) => QueueAddress, maxQueuedJobs: number) {
  const { url, database } = await openTestDatabase(t);
  await database.query('tenants.create', (sql) => sql`insert into tenants (id) values ('crowd'), ('loner')`);
  const { queue, consume } = openTestQueue(t, address(url));
  const open = () =>
    new Dispatcher({
      database,
      queues: silentQueues({ resize: queue }),
      ping: async () => {},
      maxQueuedJobs,
      log: recordingLogger().log,
    });
  /** Records jobs, as requests do before they hand them over. */
  const record = (count: number, tenantId: string, priority: 'normal' | 'high' = 'normal') =>
    database.query('jobs.create', (sql) =>
      Promise.all(
        Array.from({ length: count }, () =>
          insertJob(sql, {
            id: newId(),
            tenantId,
            type: 'resize',
            priority,
            attemptsMax: 1,
            imageId: null,
            requestId: null,
            traceparent: null,
            request: { renditions: [] },
          }),
        ),
      ),
    );
  const end = (id: string) =>
    database.query('jobs.end', (sql) => sql`update jobs set state = 'completed' where id = ${id}`);
  return { queue, consume, open, record, end };
}

/** What `consume` delivers once, after so many more are allowed. */
function tap(end: (id: string) => Promise<unknown>) {
  const delivered = new Recorder<string>();
  const allowed = new Recorder<number>();
  let taken = 0;
  return {
    delivered,
    allow: (count: number): Promise<readonly string[]> => {
      allowed.add((allowed.items.at(-1) ?? 0) + count);
      return delivered.length(allowed.items.at(-1) ?? 0);
    },
    process: async ({ id }: { readonly id: string }): Promise<void> => {
      const mine = ++taken;
      await allowed.until((totals) => (totals.at(-1) ?? 0) >= mine);
      await end(id);
      delivered.add(id);
    },
  };
}

/** Tenants share a queue fairly, and each of them finds its own jobs made in their order. */
export async function fairness(t: Test, address: (databaseUrl: string) => QueueAddress): Promise<void> {
  await t.test("one tenant's many jobs do not keep another's single one waiting", async (t) => {
    const { consume, open, record } = await openFairness(t, address, 10 * MANY);
    const dispatcher = open();
    await dispatcher.dispatch(...(await record(MANY, 'crowd')));
    await dispatcher.assertRoom();
    const [loner] = await record(1, 'loner');
    const [urgent] = await record(1, 'crowd', 'high');
    if (!loner || !urgent) throw new Error('an insert returned no row');
    await dispatcher.dispatch(loner);
    await dispatcher.dispatch(urgent);

    const delivered = new Recorder<string>();
    consume(async ({ id }) => delivered.add(id));
    await delivered.until((ids) => ids.includes(loner.id));
    t.equal(delivered.items[0], urgent.id, 'a high priority goes before, whoever asks');
    const place = delivered.items.indexOf(loner.id) + 1;
    t.ok(place <= 17, `the single job is number ${place}`);
  });

  await t.test('who uploads as fast as jobs end is served in order, and joined by others', async (t) => {
    // So small a limit has the backlog counted whenever it is asked for.
    const { consume, open, record, end } = await openFairness(t, address, 2);
    const processes = [open(), open()];
    const { delivered, allow, process } = tap(end);
    consume(process);
    const handedOver: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const dispatcher = processes[round % 2] ?? open();
      await dispatcher.isBusy();
      for (const job of await record(round === 0 ? FIRST : A_ROUND, 'crowd')) {
        await dispatcher.dispatch(job);
        handedOver.push(job.id);
      }
      await allow(A_ROUND);
    }
    const late = delivered.items.map((id, index) => index - handedOver.indexOf(id));
    t.ok(Math.max(...late) <= 8, `none waits for more than 8 that came later, but ${Math.max(...late)}`);

    const newcomer = open();
    await newcomer.isBusy();
    const [loner] = await record(1, 'loner');
    if (!loner) throw new Error('an insert returned no row');
    await newcomer.dispatch(loner);
    const before = delivered.items.length;
    await allow(handedOver.length + 1 - before);
    const place = delivered.items.indexOf(loner.id) + 1 - before;
    t.ok(place > 0 && place <= 17, `the newcomer's job is number ${place} of those that go then`);
  });
}
