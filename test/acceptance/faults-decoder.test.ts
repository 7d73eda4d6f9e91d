import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { hasty, jobEnd, newJob } from '../helpers/faults.js';
import { plain } from '../helpers/pictures.js';
import { HANGS_ONCE_WIDTH, KILLS_WIDTH, startPoisoned } from '../helpers/poison.js';

const parts = { presets: ['thumbnail'] };

// Often enough to notice anything, seldom enough to leave the processor to those under test.
const PESTER_MS = 25;

/** Asks an API again and again until told to stop. @returns the statuses, and the longest wait in ms */
function pester(url: string): { stop(): Promise<{ statuses: Set<number>; longestMs: number }> } {
  let asking = true;
  const asked = (async () => {
    const statuses = new Set<number>();
    let longestMs = 0;
    while (asking) {
      const started = performance.now();
      for (const path of ['/healthz', '/v1/images']) statuses.add((await fetch(`${url}${path}`)).status);
      longestMs = Math.max(longestMs, performance.now() - started);
      await delay(PESTER_MS);
    }
    return { statuses, longestMs };
  })();
  return {
    stop: () => {
      asking = false;
      return asked;
    },
  };
}

t.test('a picture that kills the decoder fails after two starts, and harms nobody', async (t) => {
  const { service, crashes } = await startPoisoned(t, { ...hasty, RESIZE_THREADS: '2' });
  const poison = await plain(KILLS_WIDTH, 20).png().toBuffer();
  const pestering = pester(service.url);
  const neighbours = [];
  for (let count = 0; count < 3; count++) neighbours.push((await newJob(service.url, parts)).job);
  const { job, image } = await newJob(service.url, parts, poison);
  for (let count = 0; count < 5; count++) neighbours.push((await newJob(service.url, parts)).job);

  const ended = await jobEnd(service.url, job);
  t.match(ended, { state: 'failed', error: { code: 'DECODER_CRASHED' }, attempts: { made: 1 } });
  for (const each of neighbours) t.match(await jobEnd(service.url, each), { state: 'completed' });
  t.equal(crashes.items.length, 2, 'it was started twice');
  t.same(crashes.items[1], [job.id], 'the second time alone');

  const { statuses, longestMs } = await pestering.stop();
  t.same(statuses, new Set([200]));
  t.ok(longestMs < 2_000, `the longest answer took ${Math.round(longestMs)} ms`);
  const original = await fetch(`${service.url}${image.links.content}`);
  t.ok(Buffer.from(await original.arrayBuffer()).equals(poison), 'the original is there to look at');
});

t.test('a thread that never returns ends its process; the job goes on in the next one', async (t) => {
  const env = { ...hasty, RESIZE_THREADS: '1', JOB_TIMEOUT_SECONDS: '1' };
  const { service, supervisor, logged, crashes } = await startPoisoned(t, env);
  const first = supervisor.pid;
  const file = await plain(HANGS_ONCE_WIDTH, 20).png().toBuffer();
  const { job } = await newJob(service.url, parts, file);
  t.match(await jobEnd(service.url, job), { state: 'completed', attempts: { made: 1 } });
  t.match(logged.items[0], { level: 'error', fields: { code: 70, signal: null } });
  t.same(crashes.items, [[job.id]]);
  t.not(supervisor.pid, first);
});
