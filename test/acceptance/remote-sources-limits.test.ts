import type { ServerResponse } from 'node:http';
import t from 'tap';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ProblemBody, type Uploaded, uploadAndWait } from '../helpers/client.js';
import { type Api, openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { answerWith, cut, hang } from '../helpers/receiver.js';
import { file, redirect, startRemote } from '../helpers/remote.js';
import { startService } from '../helpers/service.js';

async function fetched(api: Api, url: string): Promise<Job> {
  const { body } = await api<Uploaded>('/v1/images', { method: 'POST', json: { url } });
  return ended(api, body.job);
}

await t.test('only the hosts that are listed, also behind a redirect', async (t) => {
  const [remote, hook] = [await startRemote(t), await startRemote(t)];
  const service = await startService(t, {
    env: {
      ALLOW_PRIVATE_HOSTS: 'true',
      ALLOWED_SOURCE_HOSTS: '127.1, *.Example.com',
      JOB_ATTEMPTS: '1',
    },
  });
  const api = await openApi(service.url);
  const { port } = new URL(remote.url);
  remote.paths.set('/a.png', file(await picture()));
  t.equal((await fetched(api, `${remote.url}/a.png`)).state, 'completed');
  for (const url of [
    `http://localhost:${port}/a.png`,
    `http://[::1]:${port}/a.png`,
    'https://example.com/a.png',
    'https://example.com.evil.org/a.png',
    'https://notexample.com/a.png',
  ]) {
    const { status, body } = await api<ProblemBody>('/v1/images', { method: 'POST', json: { url } });
    t.same([status, body.errors?.[0]?.path], [400, 'url'], url);
    remote.paths.set('/away', redirect(url));
    t.match(await fetched(api, `${remote.url}/away`), {
      state: 'failed',
      error: { code: 'ADDRESS_NOT_ALLOWED' },
    });
  }
  t.equal(remote.asked('/a.png'), 1);
  const url = hook.url.replace('127.0.0.1', 'localhost');
  const made = await api('/v1/webhooks', { method: 'POST', json: { url, events: ['*'] } });
  t.equal(made.status, 201, 'webhooks may go elsewhere');
});

await t.test('a host that hangs, is busy or is down', async (t) => {
  const env = {
    ALLOW_PRIVATE_HOSTS: 'true',
    RESIZE_THREADS: '1',
    SOURCE_TIMEOUT_SECONDS: '600',
    SHUTDOWN_SECONDS: '600',
  };
  const service = await startService(t, { env });
  const api = await openApi(service.url);

  await t.test('hosts that hang hold up one another, and nobody’s uploads', async (t) => {
    const remote = await startRemote(t);
    const waiting: ServerResponse[] = [];
    const bytes = await picture();
    const paths = Array.from({ length: 12 }, (_, index) => `/hang/${index}`);
    for (const path of paths) remote.paths.set(path, (_request, response) => void waiting.push(response));
    const jobs = await Promise.all(
      paths.map(async (path) => {
        const json = { url: remote.url + path };
        return (await api<Uploaded>('/v1/images', { method: 'POST', json })).body.job;
      }),
    );
    await remote.received.length(2);
    const { job } = await uploadAndWait(api, await picture(), { presets: ['thumbnail'] });
    t.equal(job.state, 'completed', 'an upload is seen to meanwhile');
    t.equal(remote.received.items.length, 2, 'one of the places of the worker is left to others');

    for (const path of paths) remote.paths.set(path, file(bytes));
    for (const response of waiting) response.end(bytes);
    for (const each of jobs)
      t.match(await ended(api, each), { state: 'completed', attempts: { made: 1, max: 3 } });
  });

  const remote = await startRemote(t);
  await t.test('is asked again when it wants to be', async (t) => {
    const answers = [answerWith(429, '', { 'retry-after': '1' }), answerWith(503), file(await picture())];
    remote.paths.set('/busy', (...asked) => answers.shift()?.(...asked));
    const job = await fetched(api, `${remote.url}/busy`);
    t.match(job, { state: 'completed', attempts: { made: 3, max: 3 } });
  });

  await t.test('is not asked again for what it refuses', async (t) => {
    remote.paths.set('/no', answerWith(403));
    t.match(await fetched(api, `${remote.url}/no`), { state: 'failed', attempts: { made: 1 } });
  });

  await t.test('is left alone when it fails again and again', async (t) => {
    for (const path of ['/down/1', '/down/2', '/down/3']) remote.paths.set(path, cut);
    t.match(await fetched(api, `${remote.url}/down/1`), { state: 'failed', attempts: { made: 3 } });
    t.match(await fetched(api, `${remote.url}/down/2`), { state: 'failed' });
    const asked = remote.received.items.length;
    const job = await fetched(api, `${remote.url}/down/3`);
    t.match(job, { state: 'failed', error: { code: 'REMOTE_UNREACHABLE', detail: /left alone/ } });
    t.equal(remote.received.items.length, asked, 'nothing was sent');
    const metrics = await (await fetch(`${service.url}/metrics`)).text();
    t.match(metrics, /circuit_breakers\{.*dependency="source".*state="open".*\} 1/);
  });

  await t.test('is not waited for by a worker that is to end', async (t) => {
    const slow = await startRemote(t);
    slow.paths.set('/slow', hang);
    const json = { url: `${slow.url}/slow` };
    const { job } = (await api<Uploaded>('/v1/images', { method: 'POST', json })).body;
    await slow.received.length(1);
    t.same(await service.kill('SIGTERM'), { code: 0, signal: null });

    slow.paths.set('/slow', file(await picture()));
    const { databaseUrl, dataDir } = service;
    const next = await startService(t, { env, databaseUrl, dataDir });
    const done = await ended(await openApi(next.url), job);
    t.match(done, { state: 'completed', attempts: { made: 1 } });
  });
});
