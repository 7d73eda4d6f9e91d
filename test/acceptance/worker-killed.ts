import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import { madeBy } from '../helpers/client.js';
import {
  gone,
  hasty,
  jobEnd,
  jobWhen,
  newJob,
  readImage,
  storedFiles,
  workerPid,
} from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { type ServiceOptions, startService } from '../helpers/service.js';

/** What must hold on every queue when a worker process is killed with a job in hand. */
export async function workerKilled(t: Test, options: ServiceOptions): Promise<void> {
  const service = await startService(t, { ...options, env: { ...hasty, RESIZE_THREADS: '1' } });
  const file = await noise(1200, 900).png().toBuffer();
  const renditions = [
    { name: 'quick', width: 64, format: 'jpeg' },
    { name: 'slow', width: 800, format: 'avif', effort: 2 },
  ];

  await t.test('a job whose worker is killed half-way ends once, as if nothing had been', async (t) => {
    const { job, image } = await newJob(service.url, { renditions }, file);
    const victim = await workerPid(service);
    const half = await jobWhen(service.url, job, ({ progress }) => progress > 0);
    t.match(half, { state: 'active', progress: 50 });
    process.kill(victim, 'SIGKILL');
    await gone(victim);
    const ended = await jobEnd(service.url, job);
    t.match(ended, { state: 'completed', progress: 100, attempts: { made: 1, max: 3 }, error: null });
    t.not(await workerPid(service, victim), victim, 'another worker process has taken over');

    const { renditions: made = [] } = await readImage(service.url, image);
    t.same(made.map(({ name }) => name).sort(), ['quick', 'slow']);
    t.same(new Set(madeBy(ended).map(({ id }) => id)), new Set(made.map(({ id }) => id)));
    for (const { url, sha256, bytes } of made) {
      const content = Buffer.from(await (await fetch(`${service.url}${url}`)).arrayBuffer());
      t.equal(content.length, bytes);
      t.equal(createHash('sha256').update(content).digest('hex'), sha256);
    }
    t.equal((await storedFiles(service, 'renditions')).length, 2);
  });

  await t.test('jobs that wait meanwhile are not lost', async (t) => {
    const jobs = [];
    for (let count = 0; count < 6; count++)
      jobs.push((await newJob(service.url, { presets: ['small'] })).job);
    const victim = await workerPid(service, await workerPid(service));
    process.kill(victim, 'SIGKILL');
    for (const job of jobs)
      t.match(await jobEnd(service.url, job), { state: 'completed', attempts: { made: 1 } });
  });
}
