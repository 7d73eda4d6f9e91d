import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from '../../lib/jobs/job.js';
import { type LoadTarget, load } from './load.js';
import type { Backend, Options } from './options.js';
import { type Photograph, smallPhotographs } from './photographs.js';
import { cpuMs, rssBytes } from './processes.js';
import type { Figure } from './report.js';
import { type Service, startService } from './service.js';
import { quantile } from './statistics.js';
import { completed, photoAt, upload, uploadAll } from './upload.js';

const MB = 1_000_000;
const CLIENTS = 500;
const IDLE_STREAMS = 2_000;
/** Rows and clients go by the same clock: at most so long from the end of a job to its client. */
const TARGET_MS = { redis: 100, postgres: 250 } as const;
const POLL_CONNECTIONS = 8;
const SMALL_WIDTH = 200;

/** How soon clients hear of the end of a job, and what many open streams cost. */
export async function measureEvents(
  backend: Backend,
  photos: readonly Photograph[],
  folder: string,
  { rounds, quick, pollSeconds }: Options,
): Promise<Figure[]> {
  const service = await startService(join(folder, `events-${backend}`), backend);
  try {
    const small = await smallPhotographs(photos, join(folder, `events-${backend}-photos`), SMALL_WIDTH);
    const figure = (what: string, unit: string, values: readonly number[], most?: number): Figure => ({
      part: 'events',
      what: `${backend}: ${what}`,
      unit,
      rounds: values,
      ...(most !== undefined && { target: { most } }),
    });
    const clients = quick ? CLIENTS / 5 : CLIENTS;
    const delays: number[][] = [];
    for (let round = 0; round < rounds; round++) delays.push(await endsHeard(service, small, clients));
    const idle = await idleStreams(service, small, pollSeconds);
    return [
      figure(
        `end of a job to its client, ${clients} clients, p50`,
        'ms',
        delays.map((each) => quantile(each, 0.5)),
      ),
      figure(
        'the same, p99',
        'ms',
        delays.map((each) => quantile(each, 0.99)),
        TARGET_MS[backend],
      ),
      figure(`resident memory of the API with ${IDLE_STREAMS} open streams`, 'MB', [idle.rss / MB], 200),
      figure('the same, before', 'MB', [idle.rssBefore / MB]),
      figure('polls a second, with them against without', '', [idle.polls / idle.pollsBefore]),
      figure('share of a CPU that they take while nothing happens', '%', [idle.cpuPercent]),
    ];
  } finally {
    await service.stop();
  }
}

/** Has each client follow a job of its own to the end. @returns how late each heard of it, in ms */
async function endsHeard(
  { origin }: Service,
  photos: readonly Photograph[],
  jobs: number,
): Promise<number[]> {
  const delays: number[] = [];
  const heard: Promise<void>[] = [];
  await uploadAll(jobs, CLIENTS / 50, async (index) => {
    const { id } = await upload(origin, photoAt(photos, index));
    heard.push(
      new Promise((resolve, reject) => {
        const request = follow(`${origin}/v1/jobs/${id}/events`, (job, isFirst) => {
          // One that had ended before its client asked says nothing of how soon it is told.
          if (job.finishedAt !== null && !isFirst) delays.push(Date.now() - Date.parse(job.finishedAt));
        });
        request.once('error', reject).once('close', resolve);
      }),
    );
  });
  await Promise.all(heard);
  if (delays.length < jobs / 2) throw new Error(`only ${delays.length} of ${jobs} clients saw their job end`);
  return delays;
}

/** Opens many streams on which nothing happens, and polls beside them. */
async function idleStreams(service: Service, photos: readonly Photograph[], seconds: number) {
  const { origin, apiPid } = service;
  const { id } = await upload(origin, photoAt(photos, 0));
  await completed(origin, id);
  const target: LoadTarget = { origin, path: `/v1/jobs/${id}`, status: 200 };
  const polls = (): Promise<number> =>
    load(target, POLL_CONNECTIONS, seconds, { begin: () => {}, end: () => {} });
  // Until V8 has compiled what a poll runs.
  await polls();
  const [rssBefore, pollsBefore] = [rssBytes(apiPid), await polls()];
  const requests: ClientRequest[] = [];
  try {
    for (let opened = 0; opened < IDLE_STREAMS; opened += 50) {
      const some = Array.from({ length: 50 }, () => follow(`${origin}/v1/jobs/events`, () => {}));
      requests.push(...some);
      await Promise.all(some.map((request) => new Promise((resolve) => request.once('response', resolve))));
    }
    await delay(1000);
    const [cpu, started] = [cpuMs(apiPid), performance.now()];
    await delay(seconds * 1000);
    const cpuPercent = (100 * (cpuMs(apiPid) - cpu)) / (performance.now() - started);
    return { rssBefore, pollsBefore, cpuPercent, polls: await polls(), rss: rssBytes(apiPid) };
  } finally {
    for (const request of requests) request.destroy();
  }
}

/** Follows a stream. @param onJob called with the job of each event, and whether it is the first */
function follow(url: string, onJob: (job: Job, isFirst: boolean) => void): ClientRequest {
  const request = httpGet(url, { agent: false }, (response: IncomingMessage) => {
    let rest = '';
    let isFirst = true;
    response.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data: ')) continue;
        onJob(JSON.parse(line.slice('data: '.length)), isFirst);
        isFirst = false;
      }
    });
    response.on('error', () => undefined);
  });
  return request.on('error', () => undefined);
}
