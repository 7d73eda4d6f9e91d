import t from 'tap';
import { connect } from '../helpers/embedded-postgres.js';
import { hasty, jobEnd, jobWhen, newJob, storedFiles } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const JOBS = 100;
const SHUTDOWN_SECONDS = 10;

t.test(
  'SIGTERM with a hundred queued: it ends in time, and the rest is done after the next start',
  async (t) => {
    const env = { ...hasty, RESIZE_THREADS: '1', SHUTDOWN_SECONDS: String(SHUTDOWN_SECONDS) };
    const service = await startService(t, { env });
    const { url, dataDir, databaseUrl } = service;
    const file = await noise(600, 400).png().toBuffer();
    const first = await newJob(url, { renditions: [{ width: 100, format: 'jpeg' }] }, file);
    const jobs = [first.job];
    while (jobs.length < JOBS) {
      const renditions = [{ width: 100 + jobs.length, format: 'jpeg' }];
      const response = await fetch(`${url}/v1/images/${first.image.id}/renditions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ renditions, priority: 'low' }),
      });
      jobs.push(JSON.parse(await response.text()).job);
    }
    await jobWhen(url, first.job, ({ state }) => state !== 'queued');
    const started = performance.now();
    t.same(await service.kill('SIGTERM'), { code: 0, signal: null });
    t.ok(performance.now() - started < SHUTDOWN_SECONDS * 1000);

    const sql = connect(t, databaseUrl ?? '');
    const states = async (): Promise<unknown[]> => [
      ...(await sql`select state, count(*)::int from jobs group by state order by state`),
    ];
    t.same(await sql`select 1 from jobs where state = 'active'`, [], 'no job was left half-way');

    const again = await startService(t, { dataDir, databaseUrl, env });
    for (const job of jobs) await jobEnd(again.url, job);
    t.same(await states(), [{ state: 'completed', count: JOBS }]);
    // Recorded, started, ended: none was begun twice.
    t.same(
      [...(await sql`select distinct version, attempts_made from jobs`)],
      [{ version: 3, attempts_made: 1 }],
    );
    t.same([...(await sql`select count(*)::int from renditions`)], [{ count: JOBS }]);
    t.equal((await storedFiles(again, 'renditions')).length, JOBS);
  },
);
