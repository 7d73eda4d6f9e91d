import { setTimeout as delay } from 'node:timers/promises';
import { hasty, jobEnd, newJob } from '../helpers/faults.js';
import { plain } from '../helpers/pictures.js';
import { startPoisoned } from '../helpers/poison.js';
import { KILLS_WIDTH } from '../helpers/poison-widths.js';
import { startPostgres } from '../helpers/services.js';
import { type Fault, type FaultRun, Findings } from './fault.js';

const NEIGHBOURS = 99;
const MAX_ANSWER_MS = 2_000;
// Often enough to notice anything, seldom enough to leave the processor to those under test.
const PESTER_MS = 25;
const parts = { presets: ['thumbnail'] };

/** A picture that kills the process of the thread that decodes it, among others that are well. */
export const decoderCrash: Fault = {
  name: 'decoder-crash',
  about: 'a picture that raises SIGSEGV in the decoder process',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const neighbours = run.count(NEIGHBOURS, 8);
    const { url: databaseUrl } = await startPostgres(run);
    const env = { ...hasty, RESIZE_THREADS: '2' };
    const { service, crashes } = await startPoisoned(run, env, { databaseUrl });
    const { url } = service;
    const poison = await plain(KILLS_WIDTH, 20).png().toBuffer();
    const pestering = pester(url);
    const jobs = [];
    const some = Math.floor(neighbours / 3);
    while (jobs.length < some) jobs.push((await newJob(url, parts)).job);
    const { job, image } = await newJob(url, parts, poison);
    while (jobs.length < neighbours) jobs.push((await newJob(url, parts)).job);

    const ended = await jobEnd(url, job);
    found.is('the job fails', ended.state === 'failed' && ended.error?.code === 'DECODER_CRASHED');
    found.equal('deliveries that count as an attempt', ended.attempts.made, 1);
    found.equal('starts, each the end of a process', crashes.items.length, 2);
    found.is('the second time it was alone', crashes.items[1]?.join() === job.id);
    let finished = 0;
    for (const each of jobs) if ((await jobEnd(url, each)).state === 'completed') finished++;
    found.equal('neighbours finished', finished, neighbours);

    const { asked, answered, longestMs } = await pestering.stop();
    found.equal('answers 200 of the API meanwhile', answered, asked);
    found.within('longest of them', longestMs, MAX_ANSWER_MS);
    const original = await fetch(`${url}${image.links.content}`);
    found.is('the original is there', Buffer.from(await original.arrayBuffer()).equals(poison));
    return found;
  },
};

interface Pestering {
  readonly asked: number;
  /** With 200. */
  readonly answered: number;
  readonly longestMs: number;
}

/** Asks an API again and again until told to stop. */
function pester(url: string): { stop(): Promise<Pestering> } {
  let asking = true;
  const asked = (async () => {
    let [asked, answered, longestMs] = [0, 0, 0];
    while (asking) {
      const started = performance.now();
      for (const path of ['/healthz', '/v1/images']) {
        asked++;
        const status = await fetch(`${url}${path}`).then(
          (response) => response.status,
          () => 0,
        );
        if (status === 200) answered++;
      }
      longestMs = Math.max(longestMs, performance.now() - started);
      await delay(PESTER_MS);
    }
    return { asked, answered, longestMs };
  })();
  return {
    stop: () => {
      asking = false;
      return asked;
    },
  };
}
