import type { Sql } from 'postgres';
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
    const twice = await begunTwice(sql);
    found.is('jobs that were begun twice', twice.length === 0, [`${twice.length} of 0`, ...twice].join('; '));
    await again.stop();
    return found;
  },
};

/** @returns what became of each job that was not just recorded, started and ended */
async function begunTwice(sql: Sql): Promise<string[]> {
  const rows = await sql<{ history: string }[]>`
    select string_agg(
      format('%s %s %s', job_events.state, job_events.error ->> 'code', job_events.created_at::time(3)),
      ', ' order by job_events.version) as history
    from jobs join job_events on job_events.job_id = jobs.id
    where jobs.version <> 3 or jobs.attempts_made <> 1 group by jobs.id`;
  return rows.map(({ history }) => history);
}

async function act(url: string, action: 'pause' | 'resume'): Promise<void> {
  const response = await fetch(`${url}/v1/queues/resize/${action}`, { method: 'POST' });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}
