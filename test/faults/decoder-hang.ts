import { hasty, jobEnd, newJob } from '../helpers/faults.js';
import { plain } from '../helpers/pictures.js';
import { startPoisoned } from '../helpers/poison.js';
import { HANGS_ONCE_WIDTH } from '../helpers/poison-widths.js';
import { startPostgres } from '../helpers/services.js';
import { type Fault, type FaultRun, Findings } from './fault.js';

const HANGS = 3;
const TIMEOUT_S = 1;
const GRACE_MS = 5_000;
const SLOT_BACK_MS = 3_000;
// How a worker process ends itself when one of its threads will not.
const HUNG = 70;
const parts = { presets: ['thumbnail'] };

/** A decoder that never returns: no event, no signal and no timer gets through to its thread. */
export const decoderHang: Fault = {
  name: 'decoder-hang',
  about: 'a decoder that hangs',
  backends: ['postgres'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const hangs = run.count(HANGS);
    const env = { ...hasty, RESIZE_THREADS: '1', JOB_TIMEOUT_SECONDS: String(TIMEOUT_S) };
    const { url: databaseUrl } = await startPostgres(run);
    const { service, supervisor, logged, crashes } = await startPoisoned(run, env, { databaseUrl });
    const { url } = service;
    let [wholeJobs, killed, longestHang, longestBack] = [0, 0, 0, 0];
    for (let hang = 0; hang < hangs; hang++) {
      const before = supervisor.pid;
      const deaths = logged.items.length;
      const begun = performance.now();
      const { job } = await newJob(url, parts, await plain(HANGS_ONCE_WIDTH, 20).png().toBuffer());
      await crashes.length(hang + 1);
      const died = performance.now();
      longestHang = Math.max(longestHang, died - begun);
      // Taken by the next process as soon as there is one.
      await jobEnd(url, (await newJob(url, parts)).job);
      longestBack = Math.max(longestBack, performance.now() - died);
      const { state, attempts } = await jobEnd(url, job);
      if (state === 'completed' && attempts.made === 1) wholeJobs++;
      const fields = JSON.stringify(logged.items[deaths]?.fields);
      if (fields?.includes(`"code":${HUNG}`) && supervisor.pid !== before) killed++;
    }
    found.equal('processes ended at the time-out', killed, hangs);
    found.within('a hang lasts', longestHang, TIMEOUT_S * 1000 + GRACE_MS);
    found.within('the slot is back, and has done a job, after', longestBack, SLOT_BACK_MS);
    found.equal('jobs that hung once and ended well', wholeJobs, hangs);
    return found;
  },
};
