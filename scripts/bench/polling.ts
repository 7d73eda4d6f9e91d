import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { get, jsonOf } from './http.js';
import { type LoadTarget, load } from './load.js';
import type { Backend, Options } from './options.js';
import type { Photograph } from './photographs.js';
import { cpuMs } from './processes.js';
import type { Figure } from './report.js';
import { type Service, startService } from './service.js';
import { completed, type JobAnswer, photoAt, upload } from './upload.js';

const CONNECTIONS = 32;
// Longer than an unfinished job may be out of date in the cache.
const SETTLED_MS = 1_000;
/** A rendition that takes seconds, so that its job can be met while it runs. */
const SLOW = { width: 1600, format: 'avif', quality: 80, effort: 9 } as const;

/** What is asked, and how much of the bare server's rate it has to reach. */
interface Poll extends LoadTarget {
  readonly name: string;
  readonly pid: number;
  readonly least?: number;
}

/** What one turn of one poll measured. */
interface Turn {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
  /** Share of one CPU that the server had: near 1, or the client is what was measured. */
  readonly busy: number;
}

/** Job polling on one backend against a bare Fastify route, in alternation. */
export async function measurePolling(
  backend: Backend,
  photos: readonly Photograph[],
  folder: string,
  options: Options,
): Promise<Figure[]> {
  const service = await startService(join(folder, `polling-${backend}`), backend);
  const bare = fork(new URL('./bare-server.js', import.meta.url));
  try {
    const [origin] = await once(bare, 'message');
    const polls: Poll[] = [
      { name: 'bare Fastify route', pid: bare.pid ?? 0, origin: String(origin), path: '/', status: 200 },
      ...(await pollsOf(service, photos)),
    ];
    const turns = new Map(polls.map((poll): [Poll, Turn[]] => [poll, []]));
    // Until V8 has compiled what a poll runs.
    for (const poll of polls) await takeTurn(poll, options.pollSeconds);
    for (let round = 0; round < options.rounds; round++) {
      for (const [poll, results] of turns) results.push(await takeTurn(poll, options.pollSeconds));
    }
    return figuresOf(backend, turns);
  } finally {
    bare.kill();
    process.kill(service.workerPid, 'SIGCONT');
    await service.stop();
  }
}

/** A finished job and a running one, with and without the ETag of what the client has seen. */
async function pollsOf(service: Service, photos: readonly Photograph[]): Promise<Poll[]> {
  const finished = await upload(service.origin, photoAt(photos, 0));
  await completed(service.origin, finished.id);
  const running = await stoppedJob(service, photos);
  const polls: Poll[] = [];
  for (const [name, { id }] of [['finished job', finished] as const, ['running job', running] as const]) {
    const target = { pid: service.apiPid, origin: service.origin, path: `/v1/jobs/${id}` };
    const etag = (await get(`${target.origin}${target.path}`)).headers.etag ?? '';
    polls.push({ ...target, name, status: 200, least: 0.55 });
    const headers = { 'If-None-Match': etag };
    polls.push({ ...target, name: `${name}, If-None-Match`, headers, status: 304, least: 0.65 });
  }
  return polls;
}

/** A job that is active and stays so: the worker process is stopped in the middle of it. */
async function stoppedJob(service: Service, photos: readonly Photograph[]): Promise<JobAnswer> {
  const { id } = await upload(service.origin, photoAt(photos, 1), { renditions: [SLOW] });
  const read = async (): Promise<JobAnswer> =>
    jsonOf<JobAnswer>(await get(`${service.origin}/v1/jobs/${id}`), 200);
  while ((await read()).state === 'queued') await delay(20);
  process.kill(service.workerPid, 'SIGSTOP');
  await delay(SETTLED_MS);
  const job = await read();
  if (job.state !== 'active') throw new Error(`the job to be polled while it runs is ${job.state}`);
  return job;
}

async function takeTurn(poll: Poll, seconds: number): Promise<Turn> {
  let [cpu, started, ms] = [0, 0, 0];
  const perSecond = await load(poll, CONNECTIONS, seconds, {
    begin: () => {
      [cpu, started] = [cpuMs(poll.pid), performance.now()];
    },
    end: () => {
      [cpu, ms] = [cpuMs(poll.pid) - cpu, performance.now() - started];
    },
  });
  return { perSecond, cpuMicroseconds: (cpu * 1000) / ((perSecond * ms) / 1000), busy: cpu / ms };
}

function figuresOf(backend: Backend, turns: ReadonlyMap<Poll, readonly Turn[]>): Figure[] {
  const [bare = []] = turns.values();
  return [...turns].flatMap(([{ name, least }, results]): Figure[] => {
    const figure = (what: string, unit: string, rounds: readonly number[]): Figure => ({
      part: 'polling',
      what: `${backend}, ${name}: ${what}`,
      unit,
      rounds,
    });
    const ratios = results.map(({ perSecond }, round) => perSecond / (bare[round]?.perSecond ?? Number.NaN));
    const cpuRatios = results.map(
      ({ cpuMicroseconds }, round) => (bare[round]?.cpuMicroseconds ?? Number.NaN) / cpuMicroseconds,
    );
    return [
      figure(
        'rate',
        'requests/s',
        results.map(({ perSecond }) => perSecond),
      ),
      ...(least === undefined
        ? []
        : [
            { ...figure('ratio', '', ratios), target: { least } },
            figure('ratio by CPU time, which others on the machine disturb less', '', cpuRatios),
          ]),
      figure(
        'CPU of the server a request',
        'µs',
        results.map(({ cpuMicroseconds }) => cpuMicroseconds),
      ),
      figure(
        'share of a CPU that the server had',
        '',
        results.map(({ busy }) => busy),
      ),
    ];
  });
}
