import { getPriority } from 'node:os';
import t from 'tap';
import { workerPid } from '../helpers/faults.js';
import { startService } from '../helpers/service.js';

t.test('the API stands behind its worker process, and behind the next one', async (t) => {
  const own = getPriority();
  const service = await startService(t, { env: { API_NICE: '3' } });
  const first = await workerPid(service);
  t.equal(getPriority(service.pid), own + 3);
  t.equal(getPriority(first), own);

  process.kill(first, 'SIGKILL');
  const second = await workerPid(service, first);
  // Nobody else may give a process more than the one that starts it has.
  t.equal(getPriority(second), process.getuid?.() === 0 ? own : own + 3);
});
