import { readdir } from 'node:fs/promises';
import { getPriority } from 'node:os';
import t from 'tap';
import { workerPid } from '../helpers/faults.js';
import { startService } from '../helpers/service.js';

t.test('the API stands behind the resize threads, and behind those of the next worker', async (t) => {
  const own = getPriority();
  const service = await startService(t, { env: { API_NICE: '3' } });
  const first = await workerPid(service);
  t.equal(getPriority(service.pid), own + 3);
  t.equal(getPriority(first), own + 3, 'the event loop of the worker');
  t.ok((await otherThreads(first)).every((nice) => nice === own));

  process.kill(first, 'SIGKILL');
  const second = await workerPid(service, first);
  // Nobody but an administrator may give a process more than the one that starts it has.
  const threads = process.getuid?.() === 0 ? own : own + 3;
  t.ok(getPriority(second) === threads + 3 && (await otherThreads(second)).includes(threads));
});

/** The nice values of a process's threads, without the main one's. */
async function otherThreads(pid: number): Promise<number[]> {
  const threads = (await readdir(`/proc/${pid}/task`)).map(Number);
  return threads.filter((thread) => thread !== pid).map((thread) => getPriority(thread));
}
