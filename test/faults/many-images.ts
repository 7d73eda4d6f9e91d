import { readdirSync } from 'node:fs';
import { rssBytes } from '../../scripts/bench/processes.js';
import { eventually } from '../helpers/events.js';
import { workerPid } from '../helpers/faults.js';
import { noise } from '../helpers/pictures.js';
import { filesLeft } from '../helpers/service.js';
import { EVERY_BACKEND, type Fault, type FaultRun, Findings } from './fault.js';
import { inParallel } from './parallel.js';
import { nothingLostOrTwice } from './record.js';
import { startServed } from './served.js';

const MIB = 1024 * 1024;
const IMAGES = 20_000;
const CLIENTS = 8;
const SAMPLES = 50;
// V8 collects the whole heap for the first time after some 2,500 images, and then every 5,000 or so, between which it
// goes up and down by 10 MiB: what is judged is the least of one third of the images against that of the next.
const WARM_UP_SHARE = 1 / 3;
const JUDGED_SHARE = 1 / 3;
const JUDGED_FROM = 6_000;
const MOST_MIB = 1;
// Connections of a pool come and go.
const MOST_FILES = 12;

interface Sample {
  readonly images: number;
  readonly api: number;
  readonly worker: number;
  readonly files: number;
}

/** Many small images, one after the other: nothing may stay of them but what is stored. */
export const manyImages: Fault = {
  name: 'many-images',
  about: '20,000 images',
  backends: EVERY_BACKEND,
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const images = run.count(IMAGES, 200);
    const { service, sql } = await startServed(run);
    const pids = { api: service.pid, worker: await workerPid(service) };
    const file = await noise(200, 150).jpeg().toBuffer();
    const every = Math.ceil(images / SAMPLES);
    const samples: Sample[] = [];
    let done = 0;
    while (done < images) {
      const some = Math.min(every, images - done);
      await inParallel(some, CLIENTS, (index) => uploadOne(service.url, file, done + index));
      done += some;
      const files = openFiles(pids.api) + openFiles(pids.worker);
      samples.push({ images: done, api: rssBytes(pids.api), worker: rssBytes(pids.worker), files });
    }
    const warm = samples.filter((sample) => sample.images >= images * WARM_UP_SHARE);
    for (const name of ['api', 'worker'] as const) {
      const mib = growth(warm.map((sample) => sample[name] / MIB)) / ((images * JUDGED_SHARE) / 1000);
      const what = `${name}, growth a 1,000 images`;
      if (images >= JUDGED_FROM) found.atMost(what, mib, MOST_MIB, 'MiB');
      else found.is(what, true, `${mib.toFixed(2)} MiB (too few images to judge)`);
    }
    const opened = Math.max(...warm.map(({ files }) => files)) - Math.min(...warm.map(({ files }) => files));
    found.atMost('open files, most against least', opened, MOST_FILES, 'files');
    await eventually(async () => ((await filesLeft(service)).length === 0 ? true : undefined));
    found.equal('temporary files', (await filesLeft(service)).length, 0);
    await nothingLostOrTwice(found, sql, service, images);
    return found;
  },
};

/** From the least of the first half of some values to the least of the second. */
function growth(values: readonly number[]): number {
  const half = Math.floor(values.length / 2);
  return Math.min(...values.slice(half)) - Math.min(...values.slice(0, half));
}

async function uploadOne(url: string, file: Buffer, index: number): Promise<void> {
  // Bytes after the image's end make each upload a new one; no decoder reads them.
  const body = new Uint8Array(Buffer.concat([file, Buffer.from(String(index))]));
  const headers = { 'content-type': 'image/jpeg', prefer: 'wait=60' };
  const response = await fetch(`${url}/v1/images?preset=thumbnail`, { method: 'POST', headers, body });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${text}`);
}

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
