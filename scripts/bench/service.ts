import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../lib/database/embedded/free-port.js';
import { startRedisServer } from '../../test/helpers/redis-server.js';
import { type Answer, get } from './http.js';
import type { Backend } from './options.js';
import { childOf, cpuMs, treeCpuMs } from './processes.js';

/** CPU time by process, in ms. */
export type CpuTimes = Readonly<Record<'api' | 'worker' | 'postgres' | 'redis' | 'client', number>>;

/** A Halftone of our own: API, worker and embedded PostgreSQL, and Redis where that is the queue. */
export interface Service {
  readonly origin: string;
  readonly apiPid: number;
  readonly workerPid: number;
  /** Milliseconds from its start to the first 200 of `/healthz`, and of `/readyz`. */
  readonly startMs: { readonly healthz: number; readonly readyz: number };
  /** CPU time used so far; `client` is this process. */
  cpu(): CpuTimes;
  stop(): Promise<void>;
}

/** Those that run, so that an interrupted run leaves none behind. */
const running = new Set<() => Promise<void>>();

const SERVER = fileURLToPath(new URL('../../../bundle/server.js', import.meta.url));
const POLL_MS = 5;
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 40_000;

/**
 * Starts a service with its defaults, in a folder of its own. Only the rate limits are out of the
 * way: they count as ever, but never refuse.
 *
 * @param folder its data and its logs; what an earlier service left there is found again
 * @param env settings beside the defaults
 * @throws Error with the end of its log when it does not become ready
 */
export async function startService(
  folder: string,
  backend: Backend,
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  await mkdir(folder, { recursive: true });
  const redis = backend === 'redis' ? await startRedis(folder) : undefined;
  const logFile = join(folder, 'service.log');
  const log = await open(logFile, 'w');
  const port = await freePort();
  const started = performance.now();
  const api = spawn(process.execPath, [SERVER], {
    // No .env of the project, and no setting of ours.
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_ENV: 'production',
      PORT: String(port),
      AUTH: 'off',
      DATA_DIR: join(folder, 'data'),
      RATE_LIMIT_MAX: '10000000',
      RATE_LIMIT_EXPENSIVE_MAX: '10000000',
      ...(redis && { REDIS_URL: redis.url }),
      ...env,
    },
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  const stop = async (): Promise<void> => {
    await stopProcess(api);
    await redis?.kill();
    running.delete(stop);
  };
  running.add(stop);
  const origin = `http://127.0.0.1:${port}`;
  try {
    const healthz = (await firstOk(`${origin}/healthz`, api)) - started;
    const readyz = (await firstOk(`${origin}/readyz`, api)) - started;
    const apiPid = pidOf(api.pid);
    const workerPid = pidOf(childOf(apiPid, /bundle\/main\.js/));
    const postgresPid = pidOf(childOf(apiPid, /postgres\0/));
    const cpu = (): CpuTimes => ({
      api: cpuMs(apiPid),
      worker: cpuMs(workerPid),
      postgres: treeCpuMs(postgresPid),
      redis: redis ? cpuMs(redis.pid) : 0,
      client: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
    });
    return { origin, apiPid, workerPid, startMs: { healthz, readyz }, cpu, stop };
  } catch (error) {
    await stop();
    throw new Error(`The service did not start:\n${(await readFile(logFile, 'utf8')).slice(-2000)}`, {
      cause: error,
    });
  }
}

/** Stops every service that runs. */
export async function stopServices(): Promise<void> {
  await Promise.all([...running].map((stop) => stop()));
}

/** What was used between two looks. */
export function cpuBetween(before: CpuTimes, after: CpuTimes): CpuTimes {
  return {
    api: after.api - before.api,
    worker: after.worker - before.worker,
    postgres: after.postgres - before.postgres,
    redis: after.redis - before.redis,
    client: after.client - before.client,
  };
}

async function startRedis(folder: string): Promise<{ url: string; pid: number; kill: () => Promise<void> }> {
  const server = await startRedisServer(folder);
  return { url: server.url, pid: pidOf(childOf(process.pid, /redis-server/)), kill: server.kill };
}

/** @returns when the first 200 came, on the clock of `performance.now()` */
async function firstOk(url: string, child: ChildProcess): Promise<number> {
  for (const deadline = performance.now() + START_TIMEOUT_MS; performance.now() < deadline; ) {
    if (child.exitCode !== null) throw new Error(`the service ended with exit code ${child.exitCode}`);
    const answer = await get(url).catch((): Answer | undefined => undefined);
    if (answer?.status === 200) return performance.now();
    await delay(POLL_MS);
  }
  throw new Error(`${url} did not answer 200 in ${START_TIMEOUT_MS / 1000} s`);
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exit;
  clearTimeout(timer);
}

function pidOf(pid: number | undefined): number {
  if (pid === undefined) throw new Error('a process of the service is not there');
  return pid;
}
