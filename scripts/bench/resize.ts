import { join } from 'node:path';
import { loadConfig } from '../../lib/config.js';
import { type BareSharp, type BareTurn, startBareSharp } from './bare-sharp.js';
import type { Backend, Options } from './options.js';
import type { Photograph } from './photographs.js';
import type { Figure } from './report.js';
import { type CpuTimes, cpuBetween, type Service, startService } from './service.js';
import { quantile } from './statistics.js';
import { allCompleted, completed, photoAt, upload, uploadAll } from './upload.js';

/**
 * How the clients go about it. `flood`: each uploads the next as soon as the last was accepted, so
 * that a backlog builds up, and at the end they wait for the last jobs by long poll. `wait`: each has
 * its upload answered when the rendition stands (`Prefer: wait`), and only then uploads the next.
 * Neither asks for anything in between, so all the load is the service's own.
 */
const modes = ['flood', 'wait'] as const;
type Mode = (typeof modes)[number];

/** What the uploads of one round took, from the first byte sent to the last rendition stored. */
interface Uploads {
  readonly seconds: number;
  /** From upload to done, each: by the job's own times in a flood, else as its client saw it. */
  readonly latenciesMs: readonly number[];
}

interface Round {
  readonly bare: BareTurn;
  readonly uploads: Uploads;
  readonly cpu: CpuTimes;
}

const TARGETS: Readonly<Record<Backend, number>> = { postgres: 0.75, redis: 0.8 };
// A service is warm when V8 has compiled what it runs, which takes some hundred uploads a mode.
const WARM_UP_UPLOADS = 300;
const WAIT_SECONDS = 60;

/** Upload to rendition on one backend, against sharp in a loop on as many threads, in alternation. */
export async function measureResize(
  backend: Backend,
  photos: readonly Photograph[],
  folder: string,
  options: Options,
): Promise<Figure[]> {
  const service = await startService(join(folder, `resize-${backend}`), backend);
  const bare = startBareSharp(photos, folder, loadConfig({}).resizeThreads);
  try {
    const warmUp = { ...options, uploads: Math.min(options.uploads, WARM_UP_UPLOADS) };
    for (const mode of modes) await measureRound(service, bare, photos, warmUp, mode);
    const rounds: Record<Mode, Round[]> = { flood: [], wait: [] };
    for (let round = 0; round < options.rounds; round++) {
      for (const mode of modes) rounds[mode].push(await measureRound(service, bare, photos, options, mode));
    }
    return modes.flatMap((mode) => figuresOf(backend, mode, rounds[mode], options));
  } finally {
    await bare.close();
    await service.stop();
  }
}

async function measureRound(
  service: Service,
  bare: BareSharp,
  photos: readonly Photograph[],
  options: Options,
  mode: Mode,
): Promise<Round> {
  const turn = await bare.run(options.uploads);
  const before = service.cpu();
  const uploads = await run[mode](service.origin, photos, options);
  return { bare: turn, uploads, cpu: cpuBetween(before, service.cpu()) };
}

type Run = (origin: string, photos: readonly Photograph[], options: Options) => Promise<Uploads>;

const run: Readonly<Record<Mode, Run>> = {
  flood: async (origin, photos, { uploads, clients }) => {
    const ids: string[] = [];
    const started = Date.now();
    await uploadAll(uploads, clients, async (index) => {
      ids.push((await upload(origin, photoAt(photos, index))).id);
    });
    await allCompleted(origin, ids.slice(-2 * clients));
    const seen = Date.now();
    const ends: number[] = [];
    const latenciesMs: number[] = [];
    for (const id of ids) {
      const { createdAt, finishedAt } = await completed(origin, id);
      ends.push(Date.parse(finishedAt ?? ''));
      latenciesMs.push(Date.parse(finishedAt ?? '') - Date.parse(createdAt));
    }
    // One of the earlier jobs may have ended last.
    return { seconds: (Math.max(seen, ...ends) - started) / 1000, latenciesMs };
  },
  wait: async (origin, photos, { uploads, clients }) => {
    const latenciesMs: number[] = [];
    const started = performance.now();
    await uploadAll(uploads, clients, async (index) => {
      const sent = performance.now();
      const { state } = await upload(origin, photoAt(photos, index), { waitSeconds: WAIT_SECONDS });
      if (state !== 'completed') throw new Error(`a job is ${state} after ${WAIT_SECONDS} s`);
      latenciesMs.push(performance.now() - sent);
    });
    return { seconds: (performance.now() - started) / 1000, latenciesMs };
  },
};

function figuresOf(
  backend: Backend,
  mode: Mode,
  rounds: readonly Round[],
  { uploads, clients }: Options,
): Figure[] {
  const figure = (name: string, unit: string, of: (round: Round) => number): Figure => ({
    part: 'resize',
    what: `${backend}, ${clients} clients ${mode}: ${name}`,
    unit,
    rounds: rounds.map(of),
  });
  const rate = ({ uploads: { seconds } }: Round): number => uploads / seconds;
  const processes = ['worker', 'api', 'postgres', 'redis', 'client'] as const;
  return [
    figure('bare sharp loop', 'images/s', ({ bare }) => bare.perSecond),
    figure('upload to rendition', 'images/s', rate),
    {
      ...figure('ratio', '', (round) => rate(round) / round.bare.perSecond),
      target: { least: TARGETS[backend] },
    },
    figure('upload to done, median', 'ms', (round) => quantile(round.uploads.latenciesMs, 0.5)),
    figure('upload to done, p99', 'ms', (round) => quantile(round.uploads.latenciesMs, 0.99)),
    figure('CPU of the bare loop an image', 'ms', ({ bare }) => bare.cpuMs / uploads),
    ...processes.map((name) => figure(`CPU of ${name} an image`, 'ms', ({ cpu }) => cpu[name] / uploads)),
  ];
}
