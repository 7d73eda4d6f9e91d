import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../lib/config.js';
import { openConfigured } from '../seed/database.js';
import { seedRows } from '../seed/rows.js';
import { type Pair, pairsOf } from './exports/pairs.js';
import { peaks } from './exports/peaks.js';
import { pollable, pollLatencies } from './exports/polls.js';
import { firstBytes } from './exports/streams.js';
import type { Options } from './options.js';
import type { Photograph } from './photographs.js';
import type { Figure } from './report.js';
import { startService } from './service.js';

const MIB = 1024 * 1024;
const FEW = 10_000;

/** Exports of many rows against the best this machine can do, in alternation. */
export async function measureExports(
  photos: readonly Photograph[],
  parent: string,
  { exportRows: rows, rounds }: Options,
): Promise<Figure[]> {
  const folder = join(parent, 'exports');
  await mkdir(folder, { recursive: true });
  const service = await startService(folder, 'postgres');
  const { url, superuserUrl = url } = await openConfigured(loadConfig({ DATA_DIR: join(folder, 'data') }));
  const seed = (images: number, number: number) =>
    seedRows({ url: superuserUrl, images, seed: number, onProgress: () => {} });
  const cursors = fork(new URL('./exports/cursor-server.js', import.meta.url), [url]);
  try {
    const [cursorOrigin] = await once(cursors, 'message');
    const job = await pollable(service, photos);
    await seed(FEW, 1);
    const few = await peaks(service);
    const seeded = await seconds(() => seed(rows, 2));
    const figures = [figure(`seed ${rows} images`, 's', [seeded])];
    for (const pair of pairsOf({ origin: service.origin, url, cursorOrigin: String(cursorOrigin), folder }))
      figures.push(...(await measurePair(pair, rounds)));
    figures.push(
      figure('CSV stream: first byte', 'ms', await firstBytes(service.origin, rounds), { most: 200 }),
    );
    for (const [name, peak] of await peaks(service)) {
      const grown = peak - (few.get(name) ?? Number.NaN);
      const what = `${name}: resident memory over that of ${FEW} rows`;
      figures.push(figure(what, 'MiB', [grown / MIB], { most: 50 }));
    }
    const { alone, beside } = await pollLatencies(service, job, rounds);
    return [
      ...figures,
      figure('job polling, p99 alone', 'ms', alone),
      figure('job polling, p99 beside three streams', 'ms', beside),
      figure('job polling, p99 beside three streams against alone', '', ratios(beside, alone), { most: 3 }),
    ];
  } finally {
    cursors.kill();
    await service.stop();
  }
}

async function measurePair({ what, peer, least, ours, theirs }: Pair, rounds: number): Promise<Figure[]> {
  const [own, other]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    other.push(await seconds(theirs));
    own.push(await seconds(ours));
  }
  return [
    figure(what, 's', own),
    figure(`${what}: ${peer}`, 's', other),
    figure(`${what}: speed against ${peer}`, '', ratios(other, own), { least }),
  ];
}

function figure(what: string, unit: string, rounds: readonly number[], target?: Figure['target']): Figure {
  return { part: 'exports', what, unit, rounds, ...(target && { target }) };
}

/** Round by round. */
function ratios(dividends: readonly number[], divisors: readonly number[]): number[] {
  return dividends.map((dividend, index) => dividend / (divisors[index] ?? Number.NaN));
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  const own = await work();
  // What had to be prepared does not count: then the work tells its own time.
  return typeof own === 'number' ? own : (performance.now() - started) / 1000;
}
