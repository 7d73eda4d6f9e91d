import { join } from 'node:path';
import type { Backend, Options } from './options.js';
import { type Photograph, smallPhotographs } from './photographs.js';
import { rssBytes } from './processes.js';
import type { Figure } from './report.js';
import { type Service, startService } from './service.js';
import { slope } from './statistics.js';
import { photoAt, upload, uploadAll } from './upload.js';

const MIB = 1024 * 1024;
const WIDTH = 800;
// V8 collects the whole heap for the first time when it has grown to some 80 MB, after 2,500 images; until
// then everything grows, and only after it does growth mean anything.
const WARM_UP_SHARE = 0.6;
const SAMPLES = 50;
const SHOWN_EVERY = 4;
const TARGET_MB = 1;

/** What API and worker hold while many small images pass, and by how much that grows. */
export async function measureMemory(
  backend: Backend,
  photos: readonly Photograph[],
  folder: string,
  { memoryUploads, clients }: Options,
): Promise<Figure[]> {
  const small = await smallPhotographs(photos, join(folder, 'small'), WIDTH);
  const service = await startService(join(folder, `memory-${backend}`), backend);
  const samples: { x: number; api: number; worker: number }[] = [];
  try {
    const every = Math.ceil(memoryUploads / SAMPLES);
    for (let done = 0; done < memoryUploads; done += every) {
      await uploadAll(every, clients, async (index) => {
        await upload(service.origin, photoAt(small, index), { waitSeconds: 60 });
      });
      samples.push({ x: (done + every) / 1000, ...resident(service) });
    }
  } finally {
    await service.stop();
  }
  const warm = samples.filter(({ x }) => x * 1000 >= memoryUploads * WARM_UP_SHARE);
  return (['api', 'worker'] as const).flatMap((name): Figure[] => {
    const figure = (what: string, unit: string, rounds: readonly number[]): Figure => ({
      part: 'memory',
      what: `${backend}, ${memoryUploads} images: ${name} ${what}`,
      unit,
      rounds,
    });
    const grown = slope(warm.map((sample) => ({ x: sample.x, y: sample[name] })));
    return [
      figure(
        'resident',
        'MiB',
        samples.filter((_, index) => index % SHOWN_EVERY === 0).map((sample) => sample[name]),
      ),
      { ...figure('growth a 1,000 images', 'MiB', [grown]), target: { most: TARGET_MB } },
    ];
  });
}

function resident({ apiPid, workerPid }: Service): { api: number; worker: number } {
  return { api: rssBytes(apiPid) / MIB, worker: rssBytes(workerPid) / MIB };
}
