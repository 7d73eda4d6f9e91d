import type { Test } from 'tap';
import type { Job } from '../../lib/jobs/job.js';
import type { QueueView } from '../../lib/jobs/queue-view.js';
import { ended, type ProblemBody, upload, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { migratedDatabase } from '../helpers/database.js';
import { connect } from '../helpers/embedded-postgres.js';
import { picture } from '../helpers/pictures.js';
import { type Service, startService } from '../helpers/service.js';

interface Acted {
  readonly name: string;
  readonly affected: number;
}

/** What operators see and do with queues, on any backend. @returns the service, for what only one backend does */
export async function operateQueues(t: Test, redisUrl?: string): Promise<Service> {
  const databaseUrl = await migratedDatabase(t);
  const service = await startService(t, {
    databaseUrl,
    ...(redisUrl !== undefined && { redisUrl }),
    env: { RESIZE_THREADS: '1', MAINTENANCE_SECONDS: '1' },
  });
  const api = await openApi(service.url);
  const sql = connect(t, databaseUrl);
  const act = <Body = Acted>(path: string, json?: unknown) =>
    api<Body>(`/v1/queues/${path}`, { method: 'POST', ...(json !== undefined && { json }) });
  const queue = async (name: string): Promise<QueueView | undefined> =>
    (await api<{ data: QueueView[] }>('/v1/queues')).body.data.find((view) => view.name === name);
  const read = async ({ id }: Pick<Job, 'id'>): Promise<Job> => (await api<Job>(`/v1/jobs/${id}`)).body;

  await t.test('a queue that has done nothing, and one that has', async (t) => {
    const { body } = await api<{ data: QueueView[] }>('/v1/queues');
    t.same(
      body.data.map(({ name }) => name),
      ['resize', 'export', 'batch', 'import', 'notify'],
    );
    const none = { p50: null, p95: null, p99: null };
    const counts = { queued: 0, delayed: 0, active: 0, completed: 0, failed: 0, cancelled: 0 };
    const idle = { paused: false, counts, oldestQueuedAt: null, oldestQueuedSeconds: null };
    t.match(body.data[0], { ...idle, throughputPerMinute: 0, waitMs: none, runMs: none });
    await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
    const busy = await queue('resize');
    t.match(busy, { counts: { ...counts, completed: 1 }, throughputPerMinute: 1 });
    const { p50, p95, p99 } = busy?.runMs ?? none;
    t.ok(p50 !== null && p50 > 0 && p50 === p95 && p50 === p99, 'one job is every quantile');
  });

  await t.test(
    'paused: nothing is taken; drained: what waits is cancelled; resumed: work goes on',
    async (t) => {
      t.same((await act('resize/pause')).body, { name: 'resize', affected: 0 });
      const waiting = (await upload(api, await picture(), { presets: ['small'] })).body.job;
      t.match(await queue('resize'), { paused: true, counts: { queued: 1, active: 0 } });
      t.ok(((await queue('resize'))?.oldestQueuedSeconds ?? -1) >= 0);
      t.match((await queue('export'))?.paused, false, 'the others are not');
      t.same((await act('resize/drain')).body, { name: 'resize', affected: 1 });
      t.match(await read(waiting), { state: 'cancelled' });
      t.same((await act('resize/drain')).body.affected, 0, 'a second time finds nothing');
      const next = (await upload(api, await picture(), { presets: ['medium'] })).body.job;
      t.equal((await act('resize/resume')).status, 200);
      t.match(await ended(api, next), { state: 'completed' });
      t.match(await queue('resize'), { paused: false, counts: { queued: 0, cancelled: 1 } });
    },
  );

  await t.test('what failed is begun anew, all of it, once', async (t) => {
    await sql`update jobs set state = 'failed', version = version + 1 where state = 'completed'`;
    t.match(await queue('resize'), { counts: { failed: 2 } });
    t.same((await act('resize/retry')).body, { name: 'resize', affected: 2 });
    const { body } = await api<{ data: Job[] }>('/v1/jobs?type=resize');
    for (const job of body.data.filter(({ state }) => state !== 'cancelled'))
      t.match(await ended(api, job), { state: 'completed' });
    t.same((await act('resize/retry')).body.affected, 0);
  });

  await t.test('what ended is cleaned away, the young ones not', async (t) => {
    t.same((await act('resize/clean', { olderThan: 3_600 })).body.affected, 0);
    t.same((await act('resize/clean')).body, { name: 'resize', affected: 3 });
    t.match(await queue('resize'), { counts: { completed: 0, failed: 0, cancelled: 0 } });
    t.same((await sql`select from job_events`).length, 0, 'their events go with them');
  });

  await t.test('a thousand jobs are drained and begun anew in pieces', async (t) => {
    await act('notify/pause');
    await sql`
      insert into jobs (id, tenant_id, type, state, priority, attempts_max, request, finished_at)
      select gen_random_uuid(), 'default', 'notify', 'failed', 'normal', 1, '{"deliveryId": "none"}', now()
      from generate_series(1, 1200)`;
    t.same((await act('notify/retry')).body, { name: 'notify', affected: 1200 });
    t.match(await queue('notify'), { counts: { failed: 0, queued: 1200 } });
    t.same((await act('notify/drain')).body, { name: 'notify', affected: 1200 });
    t.match(await queue('notify'), { counts: { queued: 0, cancelled: 1200 } });
    t.same((await act('notify/clean')).body, { name: 'notify', affected: 1200 });
  });

  await t.test('what there is not', async (t) => {
    for (const [path, status, code] of [
      ['pictures/pause', 404, 'QUEUE_NOT_FOUND'],
      ['maintenance/pause', 404, 'QUEUE_NOT_FOUND'],
      ['resize/explode', 404, 'NOT_FOUND'],
    ] as const) {
      const answer = await act<ProblemBody>(path);
      t.same([answer.status, answer.body.code], [status, code], path);
    }
    for (const [path, json] of [
      ['resize/pause', { olderThan: 1 }],
      ['resize/clean', { olderThan: -1 }],
      ['resize/clean', { olderThan: '1' }],
      ['resize/clean', { older: 1 }],
    ] as const) {
      const { status, body } = await act<ProblemBody>(path, json);
      t.same([status, body.errors?.length], [400, 1], JSON.stringify(json));
    }
  });
  return service;
}
