import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ListBody, type ProblemBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';

// An API without a worker: what is queued stays queued until the test starts one.
const service = await startService(t, {
  env: { ROLE: 'api', MAX_QUEUED_JOBS: '2', MAX_WAIT_SECONDS: '45' },
});
const api = await openApi(service.url);
const queued = (await upload(api, await picture(), { presets: ['thumbnail'] })).body;

await t.test('without a worker the service is not ready, and says why', async (t) => {
  const { status, body } = await api('/readyz');
  t.equal(status, 503);
  t.match(body, {
    status: 'unavailable',
    checks: { postgres: 'ok', queue: 'ok', store: 'ok', worker: 'no worker is alive' },
  });
});

await t.test('a queued job: validators, Retry-After, and 304 for whoever has it', async (t) => {
  const { headers, body } = await api<Job>(`/v1/jobs/${queued.job.id}`);
  t.match(body, { state: 'queued', progress: 0, startedAt: null, waitMs: null, runMs: null, result: null });
  t.equal(headers.get('retry-after'), '1');
  t.equal(headers.get('cache-control'), 'no-cache');
  const etag = headers.get('etag') ?? '';
  t.match(etag, /^W\/"/);
  for (const condition of [etag, `"other", ${etag}`, etag.slice(2), '*']) {
    const again = await api(`/v1/jobs/${queued.job.id}`, { headers: { 'if-none-match': condition } });
    t.equal(again.status, 304, condition);
    t.equal(again.headers.get('etag'), etag);
    t.equal(again.headers.get('cache-control'), 'no-cache');
    t.match(again.headers.get('vary'), /accept-encoding/i);
    t.equal(again.headers.get('retry-after'), '1');
  }
  const other = await api(`/v1/jobs/${queued.job.id}`, { headers: { 'if-none-match': '"other"' } });
  t.equal(other.status, 200);
});

await t.test('who waits in vain is answered when the time is up', async (t) => {
  const path = `/v1/jobs/${queued.job.id}`;
  const etag = (await api(path)).headers.get('etag') ?? '';
  const [unconditional, unchanged, none] = await Promise.all([
    api<Job>(path, { headers: { prefer: 'wait=1' } }),
    api(path, { headers: { prefer: 'wait=1', 'if-none-match': etag } }),
    api(path, { headers: { prefer: 'respond-async, wait=40' } }),
  ]);
  t.same([unconditional.status, unconditional.body.state], [200, 'queued']);
  t.equal(unconditional.headers.get('preference-applied'), 'wait=1');
  t.equal(unchanged.status, 304);
  t.equal(unchanged.headers.get('preference-applied'), 'wait=1');
  t.equal(none.headers.get('preference-applied'), 'respond-async');

  const { status, headers, body } = await upload(api, await picture(), {
    presets: ['thumbnail'],
    prefer: 'wait=1',
  });
  t.equal(status, 202);
  t.equal(headers.get('preference-applied'), 'wait=1');
  t.equal(headers.get('location'), `/v1/jobs/${body.job.id}`);
  t.equal(headers.get('retry-after'), '1');
});

await t.test('a full backlog takes no more jobs, and keeps nothing of them', async (t) => {
  const file = await picture();
  const { status, headers, body } = await upload<ProblemBody>(api, file, { presets: ['thumbnail'] });
  t.same([status, body.code], [503, 'BACKLOG_FULL']);
  t.match(headers.get('retry-after'), /^[1-9]\d*$/);
  const more = await api<ProblemBody>(`/v1/images/${queued.image.id}/renditions`, {
    method: 'POST',
    json: { renditions: [{ width: 10 }] },
  });
  t.same([more.status, more.body.code], [503, 'BACKLOG_FULL']);
  t.match(more.headers.get('retry-after'), /^[1-9]\d*$/);
  const images = await api<ListBody<Image>>('/v1/images?withTotal=true');
  t.equal(images.body.pagination.total, 2);
  t.same(await filesLeft(service), []);
  t.equal((await upload(api, file)).status, 201, 'an upload without a job is still taken');
});

await t.test('long polls are capped, and end with the job once there is a worker', async (t) => {
  const poll = api<Job>(`/v1/jobs/${queued.job.id}`, { headers: { prefer: 'wait=600' } });
  await startService(t, {
    databaseUrl: service.databaseUrl,
    dataDir: service.dataDir,
    env: { ROLE: 'worker' },
  });
  const { status, headers, body } = await poll;
  t.equal(status, 200);
  t.equal(headers.get('preference-applied'), 'wait=45');
  t.equal(body.state, 'completed');
  t.equal(headers.get('retry-after'), null);
  t.match((await api('/readyz')).body, { status: 'ok', checks: { worker: 'ok' } });

  const { body: jobs } = await api<ListBody<Job>>('/v1/jobs');
  await Promise.all(jobs.data.map((job) => ended(api, job)));
  const again = await upload(api, await picture(), { presets: ['thumbnail'] });
  t.equal(again.status, 202, 'the backlog has room again');
  t.equal((await ended(api, again.body.job)).state, 'completed');
});
