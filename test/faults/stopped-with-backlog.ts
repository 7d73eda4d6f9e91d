import { queueJobs } from './backlog.js';
import { EVERY_BACKEND, type Fault, type FaultRun, Findings } from './fault.js';
import { allEnded, countJobs, nothingLostOrTwice } from './record.js';
import { startServed } from './served.js';

const JOBS = 10_000;
const SHUTDOWN_S = 30;

/** Asks a service with a long backlog to stop, and starts it again. */
export const stoppedWithBacklog: Fault = {
  name: 'stopped-with-backlog',
  about: '10,000 queued, SIGTERM, start',
  backends: EVERY_BACKEND,
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const jobs = run.count(JOBS, 100);
    const env = {
      RESIZE_THREADS: '1',
      SHUTDOWN_SECONDS: String(SHUTDOWN_S),
      MAX_QUEUED_JOBS: String(2 * JOBS),
    };
    const { service, sql, start } = await startServed(run, { env });
    // Nothing is done before all are there: the whole backlog meets the signal.
    await act(service.url, 'pause');
    await queueJobs(service.url, jobs);
    await act(service.url, 'resume');
    const started = performance.now();
    const { code, signal } = await service.kill('SIGTERM');
    found.is('the exit', code === 0, signal ?? `code ${code}`);
    found.within('it ended within', (performance.now() - started) / 1000, SHUTDOWN_S, 's');
    found.equal('jobs left half-way', await countJobs(sql, 'active'), 0);
    const queued = await countJobs(sql, 'queued');
    found.is('jobs for the next start', queued > 0, String(queued));

    const again = await start();
    await allEnded(sql);
    await nothingLostOrTwice(found, sql, again, jobs);
    // Recorded, started, ended.
    const [row] = await sql<{ count: number }[]>`
      select count(*)::int as count from jobs where version <> 3 or attempts_made <> 1`;
    found.equal('jobs that were begun twice', row?.count ?? -1, 0);
    await again.stop();
    return found;
  },
};

async function act(url: string, action: 'pause' | 'resume'): Promise<void> {
  const response = await fetch(`${url}/v1/queues/resize/${action}`, { method: 'POST' });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}
