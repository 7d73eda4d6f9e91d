import { rssBytes } from '../processes.js';
import type { Service } from '../service.js';
import { exportJob } from './jobs.js';
import { readStream } from './streams.js';

const LOOK_EVERY_MS = 50;

/** The most resident memory that each process has while it makes each kind of export, in bytes. */
export async function peaks({ origin, apiPid, workerPid }: Service): Promise<Map<string, number>> {
  const kinds: [string, number, () => Promise<unknown>][] = [
    ['API, CSV stream', apiPid, () => readStream(origin, 'format=csv')],
    ['API, JSON stream with gzip', apiPid, () => readStream(origin, 'format=json', 'gzip')],
    ...['csv', 'parquet', 'xlsx'].map((format): [string, number, () => Promise<unknown>] => [
      `worker, ${format} job`,
      workerPid,
      () => exportJob(origin, format),
    ]),
  ];
  const found = new Map<string, number>();
  for (const [name, pid, work] of kinds) {
    let peak = 0;
    const look = setInterval(() => {
      peak = Math.max(peak, rssBytes(pid));
    }, LOOK_EVERY_MS);
    await work();
    clearInterval(look);
    found.set(name, Math.max(peak, rssBytes(pid)));
  }
  return found;
}
