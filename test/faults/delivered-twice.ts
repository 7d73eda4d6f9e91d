import type { Sql } from 'postgres';
import { openQueueBackend } from '../../lib/queue/backend.js';
import { eventually, recordingLogger } from '../helpers/events.js';
import { newJob } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import { startReceiver } from '../helpers/receiver.js';
import { EVERY_BACKEND, type Fault, type FaultRun, Findings } from './fault.js';
import { allEnded, countJobs, nothingLostOrTwice } from './record.js';
import { startServed } from './served.js';

const JOBS = 200;

/** Two worker processes, and a queue that holds every job twice. */
export const deliveredTwice: Fault = {
  name: 'delivered-twice',
  about: 'same job delivered twice at once',
  backends: EVERY_BACKEND,
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const jobs = run.count(JOBS, 5);
    const env = { RESIZE_THREADS: '2', ALLOW_PRIVATE_HOSTS: 'true' };
    const { service, sql, start, postgres, redis } = await startServed(run, { env });
    await start({ env: { ROLE: 'worker' } });
    const receiver = await startReceiver(run);
    await subscribe(service.url, receiver.url);

    const backend = openQueueBackend({
      redisUrl: redis?.url,
      databaseUrl: postgres.url,
      role: 'producer',
      applicationName: 'halftone-fault',
      log: recordingLogger().log,
    });
    const queue = backend.openQueue('resize');
    // Both entries of a job lie there before anybody takes one.
    await queue.pause();
    const ids: string[] = [];
    for (let count = 0; count < jobs; count++) {
      const { job } = await newJob(service.url, { presets: ['thumbnail', 'small'] }, await picture());
      await queue.add([{ id: job.id, run: 'again', priority: placeOf(count), attempts: 1, backoffMs: 0 }]);
      ids.push(job.id);
    }
    await queue.resume();
    await allEnded(sql);
    await eventually(async () => ((await holdsNone(ids, queue)) ? true : undefined));
    await queue.close();
    await backend.close();
    await nothingLostOrTwice(found, sql, service, jobs);
    await allTold(sql);
    found.equal('notifications recorded', await countJobs(sql, 'completed', 'notify'), jobs);
    const told = receiver.received.items.map(({ body }) => String(JSON.parse(body).data.id));
    found.equal('notifications received', told.length, jobs);
    found.equal('jobs that were told of', new Set(told).size, jobs);
    return found;
  },
};

/** Waits until the outbox is empty, and all that came of it is delivered. */
async function allTold(sql: Sql): Promise<void> {
  await eventually(async () => {
    const [row] = await sql<{ left: boolean }[]>`select exists (select from outbox) as left`;
    return row?.left === false ? true : undefined;
  });
  await allEnded(sql);
}

async function subscribe(url: string, receiver: string): Promise<void> {
  const response = await fetch(`${url}/v1/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: receiver, events: ['job.completed'] }),
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
}

/** About where the service puts a tenant's next job, so that both entries of it come one after the other. */
function placeOf(waiting: number): number {
  return 600_000 + Math.floor(waiting / 8);
}

/** Whether the queue is done with all second entries. */
async function holdsNone(
  ids: readonly string[],
  queue: { holds(job: { id: string; run: string }): Promise<boolean> },
): Promise<boolean> {
  for (const id of ids) if (await queue.holds({ id, run: 'again' })) return false;
  return true;
}
