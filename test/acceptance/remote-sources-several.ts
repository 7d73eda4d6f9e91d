import type { Test } from 'tap';
import type { Job } from '../../lib/jobs/job.js';
import { ended, madeBy, type Uploaded } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { latch } from '../helpers/events.js';
import { hasty, workerPid } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import { file, startRemote, versioned } from '../helpers/remote.js';
import { filesLeft, type ServiceOptions, startService } from '../helpers/service.js';

/** Two APIs and two workers that are asked for one URL at once. */
export async function remoteSourcesSeveral(t: Test, options: ServiceOptions): Promise<void> {
  const remote = await startRemote(t);
  const env = { ALLOW_PRIVATE_HOSTS: 'true', RESIZE_THREADS: '1', ...hasty };
  const first = await startService(t, { ...options, env });
  const together = { ...options, databaseUrl: first.databaseUrl, dataDir: first.dataDir };
  const [second, third] = await Promise.all(
    ['api', 'worker'].map((ROLE) => startService(t, { ...together, env: { ...env, ROLE } })),
  );
  if (!second || !third) throw new Error('it did not start');
  const apis = [await openApi(first.url), await openApi(second.url)] as const;
  const ask = async (index: number, url: string, more: object = {}): Promise<Job> => {
    const json = { url, ...more };
    const api = apis[index % 2 === 0 ? 0 : 1];
    const { status, body } = await api<Uploaded>('/v1/images', { method: 'POST', json });
    if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body.job;
  };

  await t.test('it is fetched once, and every one gets its renditions', async (t) => {
    const bytes = await picture();
    const all = latch();
    let sent = 0;
    remote.paths.set('/shared.png', async (request, response) => {
      await all.opened;
      versioned(bytes, '"one"')(request, response);
      if (response.statusCode === 200) sent += 1;
    });
    const jobs = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        ask(index, `${remote.url}/shared.png`, { renditions: [{ width: 10 + index }] }),
      ),
    );
    t.equal(new Set(jobs.map(({ id }) => id)).size, 12);
    await remote.received.length(1);
    all.open();
    const done = await Promise.all(jobs.map((job, index) => ended(apis[index % 2 === 0 ? 0 : 1], job)));
    t.same(new Set(done.map(({ state }) => state)), new Set(['completed']));
    t.equal(new Set(done.map(({ imageId }) => imageId)).size, 1);
    t.same(
      done.map((job) => madeBy(job).map(({ width }) => width)),
      done.map((_, index) => [10 + index]),
    );
    // A database that does not answer in time fails an attempt, and the next one asks again. One that found no
    // place at first may ask whether it has changed since.
    const failed = done.reduce((sum, { attempts }) => sum + attempts.made - 1, 0);
    t.ok(sent <= 1 + failed, 'sent once');
    t.same(await filesLeft(first), []);
  });

  await t.test('the same request is one job', async (t) => {
    const bytes = await picture();
    const all = latch();
    // Before every one has asked for it, none has it: one that has ended is not joined.
    remote.paths.set('/same.png', async (request, response) => {
      await all.opened;
      file(bytes)(request, response);
    });
    const runAt = new Date(Date.now() + 60_000).toISOString();
    const later = await ask(0, `${remote.url}/same.png`, { runAt });
    const jobs = await Promise.all([0, 1, 2, 3].map((index) => ask(index, `${remote.url}/same.png`)));
    all.open();
    t.equal(new Set(jobs.map(({ id }) => id)).size, 1);
    t.ok(
      jobs.every(({ id }) => id !== later.id),
      'one that starts later is its own',
    );
    for (const job of jobs) t.equal((await ended(apis[0], job)).state, 'completed');
    t.equal(remote.asked('/same.png'), 1);
  });

  await t.test('the workers are killed while one of them fetches', async (t) => {
    const bytes = await picture();
    const hanging = latch();
    remote.paths.set('/killed.png', (request, response) => {
      if (remote.asked('/killed.png') === 1) hanging.open();
      else file(bytes)(request, response);
    });
    const job = await ask(0, `${remote.url}/killed.png`, { presets: ['thumbnail'] });
    await hanging.opened;
    // Whichever of them has it.
    for (const each of [first, third]) process.kill(await workerPid(each), 'SIGKILL');
    t.equal((await ended(apis[1], job)).state, 'completed');
    t.equal(remote.asked('/killed.png'), 2);
  });
}
