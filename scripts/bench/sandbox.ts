import { join } from 'node:path';
import type { Backend, Options } from './options.js';
import type { Photograph } from './photographs.js';
import type { Figure } from './report.js';
import { type Service, startService } from './service.js';
import { allCompleted, photoAt, upload, uploadAll } from './upload.js';

/** Images a second with the worker under its limit of memory against the same without, at least. */
const TARGET = 0.95;
const WARM_UP_UPLOADS = 200;

interface Round {
  readonly limited: number;
  readonly free: number;
}

/**
 * What the sandbox of the worker process costs: two services, one whose worker has a limit of its memory
 * (`WORKER_MEMORY_MB`'s default) and one without, take the same photographs in turn. The loaders that are
 * blocked, and the process itself, are there in both: nothing runs without them.
 */
export async function measureSandbox(
  backend: Backend,
  photos: readonly Photograph[],
  folder: string,
  options: Options,
): Promise<Figure[]> {
  const limited = await startService(join(folder, `sandbox-on-${backend}`), backend);
  const free = await startService(join(folder, `sandbox-off-${backend}`), backend, { WORKER_MEMORY_MB: '0' });
  try {
    const warmUp = { ...options, uploads: Math.min(options.uploads, WARM_UP_UPLOADS) };
    for (const service of [limited, free]) await imagesPerSecond(service, photos, warmUp);
    const rounds: Round[] = [];
    for (let round = 0; round < options.rounds; round++)
      rounds.push(await measureRound(limited, free, photos, options, round));
    return figuresOf(backend, rounds);
  } finally {
    await Promise.all([limited.stop(), free.stop()]);
  }
}

/** One after the other; who is first changes from round to round. */
async function measureRound(
  limited: Service,
  free: Service,
  photos: readonly Photograph[],
  options: Options,
  round: number,
): Promise<Round> {
  const rates = new Map<Service, number>();
  const order = round % 2 === 0 ? [limited, free] : [free, limited];
  for (const service of order) rates.set(service, await imagesPerSecond(service, photos, options));
  return { limited: rates.get(limited) ?? 0, free: rates.get(free) ?? 0 };
}

async function imagesPerSecond(
  { origin }: Service,
  photos: readonly Photograph[],
  { uploads, clients }: Options,
): Promise<number> {
  const ids: string[] = [];
  const started = performance.now();
  await uploadAll(uploads, clients, async (index) => {
    ids.push((await upload(origin, photoAt(photos, index))).id);
  });
  await allCompleted(origin, ids);
  return (uploads * 1000) / (performance.now() - started);
}

function figuresOf(backend: Backend, rounds: readonly Round[]): Figure[] {
  const figure = (what: string, unit: string, of: (round: Round) => number): Figure => ({
    part: 'sandbox',
    what: `${backend}: ${what}`,
    unit,
    rounds: rounds.map(of),
  });
  return [
    figure('worker without a limit of memory', 'images/s', ({ free }) => free),
    figure('worker with it', 'images/s', ({ limited }) => limited),
    { ...figure('ratio', '', ({ limited, free }) => limited / free), target: { least: TARGET } },
  ];
}
