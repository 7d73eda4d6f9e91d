import { Redis } from 'ioredis';
import { hasty, post } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import type { RedisServer } from '../helpers/redis-server.js';
import { queueJobs } from './backlog.js';
import { type Fault, type FaultRun, Findings } from './fault.js';
import { allEnded, countJobs, nothingLostOrTwice } from './record.js';
import { startServed } from './served.js';

const JOBS = 500;
const ALL_ENDED_S = 120;
const MAX_ANSWER_MS = 2_000;
const REFUSALS = 10;

/** Kills Redis under a backlog and starts it again; then empties it under another. */
export const redisLost: Fault = {
  name: 'redis-lost',
  about: 'Redis killed and restarted at 500 jobs; FLUSHALL',
  backends: ['redis'],
  async run(run: FaultRun): Promise<Findings> {
    const found = new Findings();
    const jobs = run.count(JOBS, 20);
    const { service, sql, redis } = await startServed(run, { env: { ...hasty, RESIZE_THREADS: '1' } });
    if (!redis) throw new Error('this fault is about Redis');

    await queueJobs(service.url, jobs);
    const waiting = await countJobs(sql, 'queued');
    found.is('jobs queued when Redis died', waiting > 0, String(waiting));
    await redis.kill();
    const taken = await refuses(found, service.url);
    await redis.restart();
    found.within('all ended after the restart', (await allEnded(sql)) / 1000, ALL_ENDED_S, 's');

    await queueJobs(service.url, jobs);
    const forgotten = await countJobs(sql, 'queued');
    found.is('jobs queued when Redis was emptied', forgotten > 0, String(forgotten));
    await flush(redis);
    found.within('all ended after FLUSHALL', (await allEnded(sql)) / 1000, ALL_ENDED_S, 's');
    await nothingLostOrTwice(found, sql, service, 2 * jobs + taken);
    return found;
  },
};

/** New work is answered 503, soon; what needs no queue goes on. @returns how many jobs were taken all the same */
async function refuses(found: Findings, url: string): Promise<number> {
  const file = await picture();
  const parts = { presets: ['thumbnail'] };
  // It answered a moment ago: what is still taken on the strength of that, maintenance hands over.
  let taken = 0;
  while ((await post(url, parts)).status === 202) taken++;
  let [refused, longest] = [0, 0];
  for (let count = 0; count < REFUSALS; count++) {
    const started = performance.now();
    if ((await post(url, parts, file)).status === 503) refused++;
    longest = Math.max(longest, performance.now() - started);
  }
  found.equal('new work answered 503 meanwhile', refused, REFUSALS);
  found.within('longest of these answers', longest, MAX_ANSWER_MS);
  found.is('lists are answered meanwhile', (await fetch(`${url}/v1/images`)).status === 200);
  return taken;
}

async function flush(redis: RedisServer): Promise<void> {
  const admin = new Redis(redis.url);
  await admin.flushall();
  admin.disconnect();
}
