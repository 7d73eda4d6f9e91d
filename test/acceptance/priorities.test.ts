import { readdir } from 'node:fs/promises';
import { getPriority } from 'node:os';
import t from 'tap';
import { workerPid } from '../helpers/faults.js';
import { startService } from '../helpers/service.js';

t.test('the worker process stands behind the API, and so does the next one', async (t) => {
  const own = getPriority();
  const service = await startService(t, { env: { WORKER_NICE: '3' } });
  const first = await workerPid(service);
  t.equal(getPriority(service.pid), own);
  t.same(await nicesOf(first), [own + 3], 'with all its threads');

  process.kill(first, 'SIGKILL');
  const second = await workerPid(service, first);
  t.same(await nicesOf(second), [own + 3]);
});

/** The nice values of a process's threads, each once. */
async function nicesOf(pid: number): Promise<number[]> {
  const threads = (await readdir(`/proc/${pid}/task`)).map(Number);
  return [...new Set(threads.map((thread) => getPriority(thread)))];
}
