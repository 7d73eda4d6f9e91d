import type { Test } from 'tap';
import { newId } from '../../../lib/ids.js';
import { Dispatcher } from '../../../lib/jobs/dispatcher.js';
import { insertJob } from '../../../lib/jobs/repository.js';
import { openTestDatabase } from '../../helpers/database.js';
import { Recorder, recordingLogger } from '../../helpers/events.js';
import { silentQueues } from '../../helpers/jobs.js';
import { openTestQueue, type QueueAddress } from '../../helpers/queue.js';

const MANY = 1_000;

/** One tenant's many jobs do not keep another's single one waiting behind them. */
export async function fairness(t: Test, address: (databaseUrl: string) => QueueAddress): Promise<void> {
  const { url, database } = await openTestDatabase(t);
  await database.query('tenants.create', (sql) => sql`insert into tenants (id) values ('crowd'), ('loner')`);
  const { queue, consume } = openTestQueue(t, address(url));
  const dispatcher = new Dispatcher({
    database,
    queues: silentQueues({ resize: queue }),
    ping: async () => {},
    maxQueuedJobs: 10 * MANY,
    log: recordingLogger().log,
  });
  const job = (tenantId: string, priority: 'normal' | 'high' = 'normal') => ({
    id: newId(),
    tenantId,
    type: 'resize' as const,
    priority,
    attemptsMax: 1,
    imageId: null,
    requestId: null,
    traceparent: null,
    request: { renditions: [] },
  });
  const crowd = await database.query('jobs.create', (sql) =>
    Promise.all(Array.from({ length: MANY }, () => insertJob(sql, job('crowd')))),
  );
  await dispatcher.dispatch(...crowd);
  await dispatcher.assertRoom();
  const loner = await database.query('jobs.create', (sql) => insertJob(sql, job('loner')));
  await dispatcher.dispatch(loner);
  const urgent = await database.query('jobs.create', (sql) => insertJob(sql, job('crowd', 'high')));
  await dispatcher.dispatch(urgent);

  const delivered = new Recorder<string>();
  consume(async ({ id }) => delivered.add(id));
  await delivered.until((ids) => ids.includes(loner.id));
  t.equal(delivered.items[0], urgent.id, 'a high priority goes before, whoever asks');
  t.ok(
    delivered.items.indexOf(loner.id) <= 16,
    `the single job is number ${delivered.items.indexOf(loner.id) + 1}`,
  );
}
