import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { get } from './http.js';
import type { Backend, Options } from './options.js';
import type { Photograph } from './photographs.js';
import type { Figure } from './report.js';
import { startService } from './service.js';
import { quantile } from './statistics.js';
import { allCompleted, photoAt, upload } from './upload.js';

// prom-client looks every 10 ms (monitorEventLoopDelay's resolution), and what Node records is the
// time between two looks: an idle loop shows 10 ms.
const RESOLUTION_MS = 10;
const PING_EVERY_MS = 50;
const UPLOADS_A_SECOND = 4;
const TARGET_MS = 20;

/** How fast the API's event loop turns while every resize thread is busy and uploads go on arriving. */
export async function measureResponsiveness(
  backend: Backend,
  photos: readonly Photograph[],
  folder: string,
  { rounds, quick }: Options,
): Promise<Figure[]> {
  const service = await startService(join(folder, `responsiveness-${backend}`), backend);
  const seconds = quick ? 3 : 10;
  const loopP99: number[] = [];
  const answerP99: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const ids = await backlog(service.origin, photos, seconds);
      await loopDelayMs(service.origin);
      const stop = new AbortController();
      const [answers] = await Promise.all([
        ping(service.origin, seconds),
        trickle(service.origin, photos, stop.signal, ids),
        delay(seconds * 1000).then(() => stop.abort()),
      ]);
      loopP99.push((await loopDelayMs(service.origin)) - RESOLUTION_MS);
      answerP99.push(quantile(answers, 0.99));
      await allCompleted(service.origin, ids);
    }
  } finally {
    await service.stop();
  }
  const figure = (what: string, values: readonly number[]): Figure => ({
    part: 'responsiveness',
    what: `${backend}, worker saturated: ${what}`,
    unit: 'ms',
    rounds: values,
  });
  return [
    { ...figure('event-loop delay of the API, p99', loopP99), target: { most: TARGET_MS } },
    figure('answer of /healthz, p99, seen from outside', answerP99),
  ];
}

/** Work for so many seconds, queued before the measurement begins. */
async function backlog(origin: string, photos: readonly Photograph[], seconds: number): Promise<string[]> {
  const started = performance.now();
  const { id } = await upload(origin, photoAt(photos, 0), { waitSeconds: 60 });
  const each = (performance.now() - started) / 4;
  const ids = [id];
  while (ids.length < (seconds * 1000) / each)
    ids.push((await upload(origin, photoAt(photos, ids.length))).id);
  return ids;
}

async function trickle(
  origin: string,
  photos: readonly Photograph[],
  signal: AbortSignal,
  ids: string[],
): Promise<void> {
  while (!signal.aborted) {
    ids.push((await upload(origin, photoAt(photos, ids.length))).id);
    await delay(1000 / UPLOADS_A_SECOND);
  }
}

async function ping(origin: string, seconds: number): Promise<number[]> {
  const answers: number[] = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await delay(PING_EVERY_MS)) {
    const started = performance.now();
    await get(`${origin}/healthz`);
    answers.push(performance.now() - started);
  }
  return answers;
}

/** The p99 since this was last asked: prom-client starts anew with every look. */
async function loopDelayMs(origin: string): Promise<number> {
  const { text } = await get(`${origin}/metrics`);
  const line = /^nodejs_eventloop_lag_p99_seconds\{[^}]*process="api"[^}]*\} (\S+)/m.exec(text);
  if (!line) throw new Error('/metrics does not show the event loop of the API');
  return Number(line[1]) * 1000;
}
