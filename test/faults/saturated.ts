import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { newJob } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { queueJobs } from './backlog.js';
import { EVERY_BACKEND, type Fault, type FaultRun, Findings } from './fault.js';
import { allEnded, nothingLostOrTwice } from './record.js';
import { startServed } from './served.js';

const SECONDS = 30;
const JOBS_A_SECOND = 40;
const UPLOAD_EVERY_MS = 250;
const MAX_LOOP_DELAY_MS = 50;
// What Node records is the time between two looks, and it looks every 10 ms: an idle loop shows 10.
const RESOLUTION_MS = 10;
// As stingy as it gets: a heartbeat that comes late loses its lock.
const LOCK_S = '2';

/** Keeps every core busy, with work of the service and with work that is not, and goes on uploading. */
export const saturated: Fault = {
  name: 'saturated',
  about: 'both cores saturated',
  backends: EVERY_BACKEND,
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const seconds = run.count(SECONDS, 5);
    const cores = availableParallelism();
    const env = { RESIZE_THREADS: String(cores), JOB_LOCK_SECONDS: LOCK_S, MAINTENANCE_SECONDS: '5' };
    const { service, sql } = await startServed(run, { env });
    let jobs = seconds * JOBS_A_SECOND;
    await queueJobs(service.url, jobs);
    for (let core = 0; core < cores; core++) spin(run);
    await loopDelayMs(service.url);
    const file = await noise(800, 600).png().toBuffer();
    for (const end = performance.now() + seconds * 1000; performance.now() < end; jobs++) {
      // Bytes after the image's end make each upload a new one; no decoder reads them.
      const fresh = Buffer.concat([file, Buffer.from(String(jobs))]);
      await newJob(service.url, { renditions: [{ width: 300 }] }, fresh);
      await delay(UPLOAD_EVERY_MS);
    }
    const delayMs = (await loopDelayMs(service.url)) - RESOLUTION_MS;
    found.within('event-loop delay of the API, p99', Math.max(0, delayMs), MAX_LOOP_DELAY_MS);
    await allEnded(sql);
    await nothingLostOrTwice(found, sql, service, jobs);
    // A job whose lock was lost is delivered again: one start more than its one.
    const [row] = await sql<{ count: number }[]>`
      select count(*)::int as count from jobs where type = 'resize' and (version <> 3 or attempts_made <> 1)`;
    found.equal('locks lost', row?.count ?? -1, 0);
    return found;
  },
};

/** A process that does nothing, as fast as it can. */
function spin(run: FaultRun): void {
  const child = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  run.teardown(() => {
    process.off('exit', end);
    end();
  });
}

/** The p99 since this was last asked: prom-client starts anew with every look. */
async function loopDelayMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = /^nodejs_eventloop_lag_p99_seconds\{[^}]*process="api"[^}]*\} (\S+)/m.exec(text);
  if (!line) throw new Error('/metrics does not show the event loop of the API');
  return Number(line[1]) * 1000;
}
