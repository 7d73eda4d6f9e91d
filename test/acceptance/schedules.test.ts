import t from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import type { Job } from '../../lib/jobs/job.js';
import type { Schedule } from '../../lib/schedules/schedule.js';
import { ended, type ListBody, type ProblemBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const HOUR_MS = 3_600_000;
const service = await startService(t);
const { databaseUrl, dataDir } = service;
const api = await openApi(service.url);
const sql = connectPostgres(databaseUrl ?? '', { max: 1 });
t.teardown(() => sql.end());

const create = <Body = Schedule>(json: object) => api<Body>('/v1/schedules', { method: 'POST', json });
const read = async ({ id }: Pick<Schedule, 'id'>) => (await api<Schedule>(`/v1/schedules/${id}`)).body;
const csv = { export: { dataset: 'images', format: 'csv' } };
/** As if its time had come a while ago, and several ticks with it. */
const makeDue = ({ id }: Pick<Schedule, 'id'>) =>
  sql`update schedules set next_run_at = now() - interval '5 hours' where id = ${id}`;

await t.test('made, read, listed, changed, deleted', async (t) => {
  const made = await create({ name: 'nightly', cron: '0 3 * * *', timezone: 'Europe/Berlin', run: csv });
  t.equal(made.status, 201);
  t.equal(made.headers.get('location'), `/v1/schedules/${made.body.id}`);
  t.match(made.body, {
    name: 'nightly',
    cron: '0 3 * * *',
    every: null,
    timezone: 'Europe/Berlin',
    jitterSeconds: 30,
    run: csv,
    enabled: true,
    lastRunAt: null,
    lastJobId: null,
  });
  t.ok(Date.parse(made.body.nextRunAt ?? '') > Date.now());
  t.same(await read(made.body), made.body);
  t.same((await api<ListBody<Schedule>>('/v1/schedules')).body.data, [made.body]);
  const path = `/v1/schedules/${made.body.id}`;
  const off = await api<Schedule>(path, { method: 'PATCH', json: { enabled: false } });
  t.match(off.body, { enabled: false, nextRunAt: null, cron: '0 3 * * *' });
  const every = await api<Schedule>(path, { method: 'PATCH', json: { enabled: true, every: HOUR_MS } });
  t.match(every.body, { cron: null, every: HOUR_MS, enabled: true, nextRunAt: String });
  t.equal((await api(path, { method: 'DELETE' })).status, 204);
  t.equal((await api(path)).status, 404);
  t.equal((await api(path, { method: 'DELETE' })).status, 404);
});

await t.test('what cannot be kept is refused by name', async (t) => {
  const good = { name: 'x', cron: '* * * * *', run: csv };
  const bad: [string, object][] = [
    ['cron', { ...good, cron: '0 0 30 2 *' }],
    ['cron', { ...good, every: 5_000 }],
    ['cron', { name: 'x', run: csv }],
    ['timezone', { ...good, timezone: 'Mars/Olympus' }],
    ['every', { name: 'x', every: 10, run: csv }],
    ['run', { ...good, run: {} }],
    ['run.export.format', { ...good, run: { export: { dataset: 'images', format: 'doc' } } }],
    ['run.batch.images', { ...good, run: { batch: { presets: ['small'] } } }],
    ['color', { ...good, color: 'red' }],
  ];
  for (const [path, body] of bad) {
    const { status, body: problem } = await create<ProblemBody>(body);
    t.same([status, problem.errors?.[0]?.path], [400, path], JSON.stringify(problem));
  }
});

await t.test('a tick runs once with two workers, and what was missed runs once', async (t) => {
  await startService(t, { databaseUrl, dataDir, env: { ROLE: 'worker' } });
  const { body: schedule } = await create({ name: 'hourly', every: HOUR_MS, run: csv });
  await makeDue(schedule);
  const ran = await eventually(async () => {
    const now = await read(schedule);
    return now.lastJobId === null ? undefined : now;
  });
  t.ok(Date.parse(ran.nextRunAt ?? '') > Date.now());
  t.equal((await ended(api, { id: ran.lastJobId ?? '' })).state, 'completed');
  const jobs = await api<ListBody<Job>>('/v1/jobs?type=export');
  t.same(
    jobs.body.data.map(({ id }) => id),
    [ran.lastJobId],
  );
});

await t.test('a batch is re-rendered, and one that asks for what is gone says so', async (t) => {
  const { image } = (await upload(api, await picture())).body;
  const preset = { method: 'PUT', json: { width: 21 } };
  await api('/v1/presets/brief', preset);
  const batch = { images: [image.id], presets: ['brief'] };
  const { body: schedule } = await create({ name: 'again', every: HOUR_MS, run: { batch } });
  await makeDue(schedule);
  const ran = await eventually(async () => {
    const now = await read(schedule);
    return now.lastJobId === null ? undefined : now;
  });
  t.match(await ended(api, { id: ran.lastJobId ?? '' }), {
    type: 'batch',
    state: 'completed',
    result: { members: { total: 1, completed: 1 } },
  });
  await api('/v1/presets/brief', { method: 'DELETE' });
  await makeDue(schedule);
  const failed = await eventually(async () => {
    const now = await read(schedule);
    return now.lastError === null ? undefined : now;
  });
  t.match(failed, { lastJobId: null, lastError: { code: 'PRESET_UNKNOWN' }, enabled: true });
  t.ok(Date.parse(failed.nextRunAt ?? '') > Date.now());
});
