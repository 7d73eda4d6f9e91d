import type { Sql } from 'postgres';
import type { Job } from '../../lib/jobs/job.js';
import { type MovableClock, movableClock, startPostgresOnClock } from '../helpers/clock.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { jobEnd, newJob } from '../helpers/faults.js';
import { answerWith, type Receiver, startReceiver } from '../helpers/receiver.js';
import { type Service, startService } from '../helpers/service.js';
import { startPostgres, startRedis } from '../helpers/services.js';
import { queueJobs } from './backlog.js';
import { EVERY_BACKEND, type Fault, type FaultRun, Findings } from './fault.js';
import { countJobs } from './record.js';

const HOUR_S = 3600;
/** There and back, in both directions. */
const SETTINGS_S = [HOUR_S, 0, -HOUR_S, 0];
const JOBS = 40;
// Ten intervals of it.
const MAINTAINED_WITHIN_MS = 10_000;
const MOST_STARTS = 3;
// A receiver that is down is asked again after 5 s, 25 s and longer; an hour's jump makes one try more due.
const MOST_TRIES = 6;

/**
 * Sets the clock an hour ahead and back, under jobs and under a webhook whose receiver is down. On
 * PostgreSQL the whole host moves, the database too; on Redis only the service's processes do, and
 * the servers keep their time.
 */
export const clock: Fault = {
  name: 'clock',
  about: 'clock ± 1 h',
  backends: EVERY_BACKEND,
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const clock = await movableClock(run);
    if (!clock) throw new Error('libfaketime is not installed: apt-get install libfaketime');
    const jobs = run.count(JOBS, 10);
    const { service, sql } = await startOnClock(run, clock);
    const receiver = await startReceiver(run, answerWith(503));
    await subscribe(service.url, receiver.url);

    let [moved, answered, maintained, expected] = [0, 0, 0, 0];
    for (const seconds of SETTINGS_S) {
      await queueJobs(service.url, jobs);
      await clock.set(seconds);
      if (await shows(service, seconds)) moved++;
      const { job } = await newJob(service.url, { presets: ['thumbnail'] });
      expected += jobs + 1;
      if ((await jobEnd(service.url, job)).state === 'completed') answered++;
      await allResized(sql);
      if (await isMaintained(service)) maintained++;
    }
    found.equal('times the service showed the new time', moved, SETTINGS_S.length);
    found.equal('jobs completed', await countJobs(sql, 'completed'), expected);
    found.equal('new jobs that ended well after a jump', answered, SETTINGS_S.length);
    found.equal('jumps after which maintenance went on', maintained, SETTINGS_S.length);
    await noStorm(found, sql, receiver);
    await noNegativeDuration(found, service, sql);
    return found;
  },
};

async function startOnClock(run: FaultRun, clock: MovableClock): Promise<{ service: Service; sql: Sql }> {
  const onRedis = run.backend === 'redis';
  const databaseUrl = onRedis ? (await startPostgres(run)).url : await startPostgresOnClock(run, clock);
  const service = await startService(run, {
    databaseUrl,
    ...(onRedis && { redisUrl: (await startRedis(run)).url }),
    env: {
      MAINTENANCE_SECONDS: '1',
      ...clock.env,
      RESIZE_THREADS: '1',
      ALLOW_PRIVATE_HOSTS: 'true',
      LOG_LEVEL: 'debug',
    },
  });
  return { service, sql: connect(run, databaseUrl) };
}

async function subscribe(url: string, receiver: string): Promise<void> {
  const response = await fetch(`${url}/v1/webhooks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: receiver, events: ['image.created'] }),
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
}

/** Waits until the service's clock is so many seconds from ours, give or take what a clock may be late. */
async function shows({ url }: Service, seconds: number): Promise<boolean> {
  await eventually(async () => {
    const date = (await fetch(`${url}/healthz`)).headers.get('date') ?? '';
    const ahead = (Date.parse(date) - Date.now()) / 1000;
    return Math.abs(ahead - seconds) < 5 ? true : undefined;
  });
  return true;
}

async function allResized(sql: Sql): Promise<void> {
  await eventually(async () => {
    const [row] = await sql<{ left: boolean }[]>`
      select exists (select from jobs where type = 'resize' and state in ('queued', 'active')) as left`;
    return row?.left === false ? true : undefined;
  });
}

/** Whether the maintenance job goes on running, within ten of its intervals. */
async function isMaintained(service: Service): Promise<boolean> {
  const runs = (): number => service.output().split('"msg":"maintenance"').length;
  const before = runs();
  const deadline = performance.now() + MAINTAINED_WITHIN_MS;
  return eventually(async () => {
    if (runs() > before) return true;
    return performance.now() > deadline ? false : undefined;
  });
}

/** Nothing is done over and over because its time seems to have come. */
async function noStorm(found: Findings, sql: Sql, { received }: Receiver): Promise<void> {
  const [row] = await sql<{ starts: number; attempts: number }[]>`
    select max(version) - 2 as starts, max(attempts_made) as attempts from jobs where type = 'resize'`;
  found.atMost('starts of one job', row?.starts ?? Number.NaN, MOST_STARTS, 'starts');
  found.equal('attempts of one job', row?.attempts ?? -1, 1);
  const tries = new Map<string, number>();
  for (const { headers } of received.items) {
    const id = String(headers['webhook-id']);
    tries.set(id, (tries.get(id) ?? 0) + 1);
  }
  found.atMost('tries of one delivery', Math.max(0, ...tries.values()), MOST_TRIES, 'tries');
}

async function noNegativeDuration(found: Findings, { url }: Service, sql: Sql): Promise<void> {
  const response = await fetch(`${url}/v1/jobs?limit=200&type=resize`);
  const { data }: { data: readonly Job[] } = JSON.parse(await response.text());
  const shown = data.flatMap(({ waitMs, runMs }) => [waitMs, runMs]);
  found.is(
    'durations of jobs',
    shown.every((ms) => ms !== null && ms >= 0),
    `${shown.length} looked at`,
  );
  const [row] = await sql<{ backwards: number }[]>`
    select count(*)::int as backwards from jobs where finished_at < started_at or started_at < created_at`;
  found.equal('jobs that ended before they began', row?.backwards ?? -1, 0);
  const timing = response.headers.get('server-timing') ?? '';
  found.is('Server-Timing', /dur=\d/.test(timing) && !timing.includes('=-'), timing);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const negative = metrics.split('\n').filter((line) => /(duration|seconds)[a-z_]*_sum.* -/.test(line));
  found.equal('negative sums among the metrics', negative.length, 0);
}
