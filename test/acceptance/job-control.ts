import type { Test } from 'tap';
import type { Job } from '../../lib/jobs/job.js';
import type { Rendition } from '../../lib/renditions/rendition.js';
import { ended, type ListBody, type ProblemBody, upload } from '../helpers/client.js';
import { type Api, openApi } from '../helpers/contract.js';
import { follow, told } from '../helpers/event-stream.js';
import { eventually } from '../helpers/events.js';
import { jobWhen } from '../helpers/faults.js';
import { noise, picture } from '../helpers/pictures.js';
import { filesLeft, type ServiceOptions, startService } from '../helpers/service.js';

type JobBody = { readonly job: Job };

const cancel = (api: Api, { id }: Pick<Job, 'id'>, prefer?: string) =>
  api<JobBody>(`/v1/jobs/${id}`, { method: 'DELETE', ...(prefer && { headers: { prefer } }) });
const retry = (api: Api, { id }: Pick<Job, 'id'>) => api<JobBody>(`/v1/jobs/${id}/retry`, { method: 'POST' });
const refused = (answer: { status: number; body: unknown }) => [
  answer.status,
  (answer.body as ProblemBody).code,
];

/** Cancelling, beginning anew, the same work asked twice, and work for later, on whatever queue. */
export async function jobControl(t: Test, options: ServiceOptions): Promise<void> {
  const first = await startService(t, { ...options, env: { ROLE: 'api' } });
  const together = { ...options, databaseUrl: first.databaseUrl, dataDir: first.dataDir };
  const second = await startService(t, { ...together, env: { ROLE: 'api' } });
  const api = await openApi(first.url);
  const other = await openApi(second.url);

  await t.test('a job that waits is cancelled at once, and begun anew when it is asked to', async (t) => {
    const { job } = (await upload(api, await picture(), { presets: ['thumbnail'] })).body;
    t.match(job.links, { cancel: `/v1/jobs/${job.id}`, events: `/v1/jobs/${job.id}/events` });
    const cancelled = await cancel(other, job);
    t.equal(cancelled.status, 200);
    t.match(cancelled.body.job, { id: job.id, state: 'cancelled', result: null, error: null });
    t.type(cancelled.body.job.finishedAt, 'string');
    t.equal(cancelled.body.job.links.cancel, undefined);
    t.equal((await cancel(api, job)).status, 200, 'again');
    // RFC 9562: a UUID is the same in upper case.
    for (const id of [job.id, job.id.toUpperCase()])
      t.equal((await api<Job>(`/v1/jobs/${id}`)).body.state, 'cancelled');

    const answers = await Promise.all([retry(api, job), retry(other, job), retry(api, job)]);
    t.same(answers.map(({ status }) => status).sort(), [202, 409, 409], 'of three at once, one');
    const [begun] = answers.filter(({ status }) => status === 202);
    t.equal(begun?.headers.get('location'), `/v1/jobs/${job.id}`);
    t.match(begun?.body.job, { state: 'queued', progress: 0, attempts: { made: 0 }, finishedAt: null });
    t.same(refused(await retry(api, job)), [409, 'JOB_NOT_RETRYABLE']);
    await eventually(async () => (await api<Job>(`/v1/jobs/${job.id}`)).body.state === 'queued' || undefined);
    t.equal((await api<Job>(`/v1/jobs/${job.id.toUpperCase()}`)).body.state, 'queued');
    const followed = await follow(t, first.url, `/v1/jobs/${job.id.toUpperCase()}/events`);
    await cancel(other, job);
    t.equal(await followed.ended, true);
    t.same(followed.events.items.map(told), ['queued 0', 'cancelled 0']);
  });

  await t.test('the same work asked twice while in flight is one job', async (t) => {
    const file = await picture();
    const [one, two] = await Promise.all([
      upload(api, file, { presets: ['thumbnail', 'small'] }),
      upload(other, file, { presets: ['small', 'thumbnail'] }),
    ]);
    t.equal(one.body.job.id, two.body.job.id);
    const more = await api<JobBody>(`/v1/images/${one.body.image.id}/renditions`, {
      method: 'POST',
      json: { presets: ['small', 'thumbnail'] },
    });
    t.equal(more.body.job.id, one.body.job.id);
    const different = await upload(api, file, { presets: ['small'] });
    t.not(different.body.job.id, one.body.job.id, 'other work is another job');
  });

  await t.test('what cannot be done says so', async (t) => {
    const nowhere = '01890000-0000-7000-8000-000000000000';
    for (const id of [nowhere, 'nonsense']) {
      t.same(refused(await cancel(api, { id })), [404, 'JOB_NOT_FOUND']);
      t.same(refused(await retry(api, { id })), [404, 'JOB_NOT_FOUND']);
    }
    for (const runAt of ['tomorrow', '2026-13-01T00:00:00Z', '2099-01-01T00:00:00Z', '2026-12-01T08:00:00']) {
      const form = new FormData();
      form.append('runAt', runAt);
      form.append('preset', 'thumbnail');
      form.append('file', new Blob([new Uint8Array(await picture())]), 'a.png');
      const { status, body } = await api<ProblemBody>('/v1/images', { method: 'POST', body: form });
      t.same([status, body.errors?.[0]?.path], [400, 'runAt'], runAt);
    }
    const urgent = await api<ProblemBody>('/v1/images?preset=small&priority=urgent', {
      method: 'POST',
      body: new Uint8Array(await picture()),
      headers: { 'content-type': 'image/png' },
    });
    t.same([urgent.status, urgent.body.errors?.[0]?.path], [400, 'priority']);
  });

  const start = () => startService(t, { ...together, env: { ROLE: 'worker' } });
  await t.test('what waits is done once there is a worker', async (t) => {
    await start();
    const waiting = await api<ListBody<Job>>('/v1/jobs?state=queued');
    for (const job of waiting.body.data) t.equal((await ended(api, job)).state, 'completed');
  });

  await t.test('a job that runs is stopped within two seconds, and leaves nothing', async (t) => {
    const file = await noise(3000, 3000).jpeg().toBuffer();
    // Many short ones: what is being made goes on in the thread, and what comes after it does not begin.
    const slow = Array.from({ length: 50 }, (_, index) => ({
      width: 1200 + index,
      format: 'webp',
      effort: 6,
    }));
    const { image, job } = (await upload(api, file, { renditions: slow })).body;
    await jobWhen(first.url, job, ({ state }) => state === 'active');
    const asked = performance.now();
    const stopping = await cancel(other, job);
    t.ok([200, 202].includes(stopping.status));
    const stopped = await cancel(other, job, 'wait=20');
    t.equal(stopped.status, 200);
    t.match(stopped.body.job, { state: 'cancelled', result: null });
    t.comment(`${Math.round(performance.now() - asked)} ms`);
    const renditions = await api<ListBody<Rendition>>(`/v1/images/${image.id}/renditions`);
    t.same(renditions.body.data, []);
    await eventually(async () => (await filesLeft(first)).length === 0 || undefined);
    t.equal((await api<Job>(`/v1/jobs/${job.id}`)).body.state, 'cancelled', 'and stays so');

    const done = (await upload(api, await picture(), { presets: ['thumbnail'] })).body.job;
    await ended(api, done);
    t.same(refused(await cancel(api, done)), [409, 'JOB_ENDED']);
    t.same(refused(await retry(api, done)), [409, 'JOB_NOT_RETRYABLE']);
  });

  await t.test('a job for later starts then, and not before', async (t) => {
    const { image } = (await upload(api, await picture())).body;
    const at = new Date(Date.now() + 1_500);
    const { body } = await api<JobBody>(`/v1/images/${image.id}/renditions`, {
      method: 'POST',
      json: { presets: ['thumbnail'], runAt: at.toISOString() },
    });
    t.equal(body.job.runAt, at.toISOString());
    const job = await ended(api, body.job);
    t.equal(job.state, 'completed');
    t.ok(new Date(job.startedAt ?? 0) >= at, `${job.startedAt} is not before ${at.toISOString()}`);
  });
}
