import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import { eventually } from '../helpers/events.js';
import { hasty, jobEnd, workerPid } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { startRedis, temporaryFolder } from '../helpers/services.js';

const ROWS = 1_000;

const folder = join(await temporaryFolder(t), 'import');
await mkdir(folder);
await writeFile(join(folder, 'a.png'), await picture());
const rows = Array.from({ length: ROWS }, (_, index) => (index % 10 < 7 ? 'a.png,huge' : `no-${index}.png,`));
const csv = `path,presets\n${rows.join('\n')}\n`;

for (const queue of ['postgres', 'redis'])
  t.test(`a worker that is killed in the middle: every row once, on ${queue}`, async (t) => {
    const redisUrl = queue === 'redis' ? (await startRedis(t)).url : undefined;
    const service = await startService(t, {
      ...(redisUrl !== undefined && { redisUrl }),
      // Small parts: it is killed while most are still to come.
      env: { ...hasty, IMPORT_FOLDER: folder, MAX_QUEUED_JOBS: '1000', JOB_ATTEMPTS: '1' },
    });
    const sql = connectPostgres(service.databaseUrl ?? '', { max: 1 });
    t.teardown(() => sql.end());
    const response = await fetch(`${service.url}/v1/imports`, {
      method: 'POST',
      body: csv,
      headers: { 'content-type': 'text/csv' },
    });
    const { job } = JSON.parse(await response.text());

    const victim = await workerPid(service);
    const read = await eventually(async () => {
      const [row] = await sql<{ read: number }[]>`select read from imports where id = ${job.id} and read > 0`;
      return row?.read;
    });
    process.kill(victim, 'SIGKILL');
    t.ok(read < ROWS, `killed after ${read} rows`);

    const done = await jobEnd(service.url, job);
    t.match(done, {
      state: 'completed',
      result: {
        rows: { read: ROWS, accepted: 0.3 * ROWS, rejected: 0.7 * ROWS },
        members: { total: 0.3 * ROWS, completed: 0, failed: 0.3 * ROWS, cancelled: 0 },
      },
    });
    const [counts] = await sql<{ jobs: number; lines: number; rejections: number }[]>`
      select count(*)::int as jobs, count(distinct request -> 'source' ->> 'line')::int as lines,
        (select count(*)::int from import_rejections) as rejections
      from jobs where parent_id = ${job.id}`;
    t.same(counts, { jobs: 0.3 * ROWS, lines: 0.3 * ROWS, rejections: 0.7 * ROWS });
  });
