import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { gone, hasty, isAlive, jobEnd, jobWhen, newJob, readImage, workerPid } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { type Service, startService } from '../helpers/service.js';
import { temporaryFolder } from '../helpers/services.js';

// One folder and its embedded database, through a hard kill of everything and back.
const dataDir = await temporaryFolder(t);
const start = (): Promise<Service> =>
  startService(t, { dataDir, databaseUrl: null, env: { ...hasty, RESIZE_THREADS: '1' } });

/** The main process of the embedded database. */
async function postgresPid(): Promise<number> {
  const files = await readdir(join(dataDir, 'postgres'), { recursive: true });
  const name = files.find((file) => file.endsWith('postmaster.pid')) ?? '';
  return Number.parseInt(await readFile(join(dataDir, 'postgres', name), 'utf8'), 10);
}

/** What the first test leaves running. */
let running: Service | undefined;
const slow = { renditions: [{ width: 800, format: 'avif', effort: 2 }] };

t.test('after a hard kill of everything the data is there, and what was queued is done', async (t) => {
  const service = await start();
  const done = await newJob(service.url, { presets: ['thumbnail'] });
  t.match(await jobEnd(service.url, done.job), { state: 'completed' });
  const before = await readImage(service.url, done.image);
  const queued = [await newJob(service.url, slow, await noise(1000, 800).png().toBuffer())];
  for (let count = 0; count < 4; count++) queued.push(await newJob(service.url, { presets: ['small'] }));
  const [first] = queued;
  if (!first) throw new Error('no job');
  await jobWhen(service.url, first.job, ({ state }) => state === 'active');

  const pids = [await workerPid(service), await postgresPid(), service.pid];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  for (const pid of pids) await gone(pid);
  await service.kill('SIGKILL');

  const again = await start();
  running = again;
  t.same(await readImage(again.url, done.image), before);
  const [rendition] = before.renditions ?? [];
  const content = await fetch(`${again.url}${rendition?.url}`);
  t.equal((await content.arrayBuffer()).byteLength, rendition?.bytes);
  for (const { job, image } of queued) {
    t.match(await jobEnd(again.url, job), { state: 'completed', attempts: { made: 1 }, error: null });
    t.equal((await readImage(again.url, image)).renditions?.length, 1);
  }
});

t.test('a second signal ends at once, and leaves no process', async (t) => {
  const service = running ?? (await start());
  const { job } = await newJob(service.url, slow, await noise(1000, 800).png().toBuffer());
  await jobWhen(service.url, job, ({ state }) => state === 'active');
  const pids = [await workerPid(service), await postgresPid()];
  t.ok(pids.every(isAlive));
  const exit = service.kill('SIGTERM');
  await service.logged(({ msg }) => msg === 'shutting down');
  service.child.kill('SIGINT');
  t.same(await exit, { code: 130, signal: null });
  for (const pid of pids) await gone(pid);

  const again = await start();
  t.match(await jobEnd(again.url, job), { state: 'completed' }, 'nothing is lost by it');
});
