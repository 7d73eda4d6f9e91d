import { createHash } from 'node:crypto';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import { madeBy } from '../helpers/client.js';
import { gone, hasty, jobEnd, jobWhen, newJob, readImage, workerPid } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { EVERY_BACKEND, type Fault, type FaultRun, Findings } from './fault.js';
import { nothingLostOrTwice } from './record.js';
import { type Served, startServed } from './served.js';

const KILLS = 100;
const WAITING = 2;
// The first is done at once, so that the worker dies between the two.
const renditions = [
  { name: 'quick', width: 64, format: 'jpeg' },
  { name: 'slow', width: 800, format: 'avif', effort: 2 },
];

/** Kills the worker process half-way through a job, again and again. */
export const workerKilled: Fault = {
  name: 'worker-killed',
  about: 'worker killed -9 in mid-job',
  backends: EVERY_BACKEND,
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const kills = run.count(KILLS);
    const served = await startServed(run, { env: { ...hasty, RESIZE_THREADS: '1' } });
    const victims: number[] = [];
    let whole = 0;
    for (let kill = 0; kill < kills; kill++) whole += (await killOnce(served, victims)) ? 1 : 0;
    found.equal('jobs cut half-way that end as if nothing had been', whole, kills);
    found.equal('worker processes killed', new Set(victims).size, kills);
    await nothingLostOrTwice(found, served.sql, served.service, kills * (1 + WAITING));
    return found;
  },
};

/** @returns whether the job that was in hand ended well, once, with all its files */
async function killOnce({ service }: Served, victims: number[]): Promise<boolean> {
  const { url } = service;
  const victim = await workerPid(service, ...victims);
  const { job, image } = await newJob(url, { renditions }, await noise(1200, 900).png().toBuffer());
  await jobWhen(url, job, ({ progress }) => progress > 0);
  process.kill(victim, 'SIGKILL');
  victims.push(victim);
  const waiting = [];
  for (let count = 0; count < WAITING; count++) waiting.push(await newJob(url, { presets: ['small'] }));
  await gone(victim);
  for (const each of waiting) await jobEnd(url, each.job);
  return isWhole(url, await jobEnd(url, job), await readImage(url, image));
}

async function isWhole(url: string, job: Job, { renditions: made = [] }: Image): Promise<boolean> {
  const named = made.map(({ name }) => name).sort();
  const ids = new Set(madeBy(job).map(({ id }) => id));
  const files = await Promise.all(
    made.map(async (each) => {
      const content = Buffer.from(await (await fetch(`${url}${each.url}`)).arrayBuffer());
      return content.length === each.bytes && digestOf(content) === each.sha256 && ids.has(each.id);
    }),
  );
  return (
    job.state === 'completed' &&
    job.attempts.made === 1 &&
    job.error === null &&
    named.join() === 'quick,slow' &&
    files.every(Boolean)
  );
}

function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
