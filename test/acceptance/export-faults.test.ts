import { createHash } from 'node:crypto';
import t from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import type { Export } from '../../lib/exports/export.js';
import type { Job } from '../../lib/jobs/job.js';
import { openApi } from '../helpers/contract.js';
import { gone, hasty, jobEnd, jobWhen, storedFiles, workerPid } from '../helpers/faults.js';
import { startService } from '../helpers/service.js';
import { insertJobs } from '../lib/exports/rows.js';

interface Asked {
  readonly export: Export;
  readonly job: Job;
}

/** Enough for an export to be met in its midst. */
const ROWS = 30_000;
const service = await startService(t, { env: hasty });
const api = await openApi(service.url);
const sql = connectPostgres(service.databaseUrl ?? '', { max: 1 });
t.teardown(() => sql.end());
await insertJobs(sql, ROWS);

const ask = async (format: string): Promise<Asked> =>
  (await api<Asked>('/v1/exports', { method: 'POST', json: { dataset: 'jobs', format } })).body;
const begun = ({ progress }: Job): boolean => progress > 0;

await t.test('an export whose worker is killed half-way is made again from the start, once', async (t) => {
  const asked = await ask('xlsx');
  const victim = await workerPid(service);
  t.match(await jobWhen(service.url, asked.job, begun), { state: 'active' });
  process.kill(victim, 'SIGKILL');
  await gone(victim);
  const half = await fetch(`${service.url}${asked.export.url}`);
  t.equal(half.status, 409, 'nothing half-written is served');
  t.match(await jobEnd(service.url, asked.job), { state: 'completed', progress: 100, error: null });
  const { body } = await api<Export>(`/v1/exports/${asked.export.id}`);
  const { bytes } = await api(body.url);
  t.equal(createHash('sha256').update(bytes).digest('hex'), body.sha256);
  t.ok((body.rows ?? 0) >= ROWS);
  t.equal((await storedFiles(service, 'exports')).length, 1);
});

await t.test('an export that is deleted while it is made leaves no file', async (t) => {
  const asked = await ask('xlsx');
  await jobWhen(service.url, asked.job, begun);
  t.equal((await api(`/v1/exports/${asked.export.id}`, { method: 'DELETE' })).status, 204);
  t.match(await jobEnd(service.url, asked.job), { state: 'cancelled', attempts: { made: 1 }, error: null });
  t.equal((await storedFiles(service, 'exports')).length, 1, 'that of the test before');
});
