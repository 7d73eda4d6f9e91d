import { type ChildProcess, fork } from 'node:child_process';
import { constants, getPriority, setPriority } from 'node:os';
import { type Config, childEnvironment } from '../lib/config.js';
import { newId } from '../lib/ids.js';
import type { Logger } from '../lib/logger.js';
import type { MetricsSnapshot } from '../lib/metrics/snapshot.js';
import { memoryLimiter } from './memory-limiter.js';
import type { FromWorker, ToWorker } from './messages.js';

/** What a supervisor starts, and whom it tells. */
export interface SupervisorOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly log: Logger;
  /** Called with the id of a worker process that died by its own fault, before the next one starts. */
  readonly onCrash: (workerId: string) => Promise<unknown>;
  /** The compiled entry of the worker process; another one only in tests. */
  readonly entry?: URL;
}

/** Keeps one worker process alive. */
export interface Supervisor {
  /** Resolves when the first worker process takes jobs. */
  readonly ready: Promise<void>;
  /** Pid of the current worker process, if one runs. */
  readonly pid: number | undefined;
  /** The worker process's metrics; empty when it does not answer in time. */
  metrics(): Promise<MetricsSnapshot>;
  /** Lets active jobs end, then the process; kills it at the deadline. */
  stop(deadlineMs: number): Promise<void>;
}

const BACKOFF_START_MS = 100;
const BACKOFF_MAX_MS = 5_000;
// A process that lived this long was not felled by its start; the next one may come at once.
const STABLE_MS = 30_000;
const METRICS_TIMEOUT_MS = 1_000;

/**
 * A worker's heap is small, and what a job leaves there is soon garbage. By itself V8 lets that gather, 60 MiB of it
 * in the first 1,750 images, before it collects it all: so it may grow by a fifth of what is live, and young objects
 * have 4 MiB, where they had 16.
 */
const HEAP_FLAGS = ['--heap-growing-percent=20', '--max-semi-space-size=4'];

/**
 * Starts the worker process and restarts it, with back-off, whenever it dies. Pixels are decoded only
 * there: a native crash takes that process, its threads and nothing else.
 */
export function startSupervisor(options: SupervisorOptions): Supervisor {
  const { config, databaseUrl, log } = options;
  const launcher = memoryLimiter(config.workerMemoryMb, [...process.execArgv, ...HEAP_FLAGS], log);
  const waiting = new Map<number, (metrics: MetricsSnapshot) => void>();
  let child: ChildProcess | undefined;
  let restart: NodeJS.Timeout | undefined;
  let stopping = false;
  let backoffMs = BACKOFF_START_MS;
  let requests = 0;
  let becomeReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    becomeReady = resolve;
  });

  function start(): void {
    const workerId = newId();
    const startedAt = performance.now();
    const worker = fork(options.entry ?? new URL('./main.js', import.meta.url), {
      ...launcher,
      // libuv's pool serves sharp, files and DNS for the whole process; glibc's arenas would each keep
      // what a thread once needed (design: "Processes").
      env: childEnvironment({ UV_THREADPOOL_SIZE: String(config.resizeThreads + 4), MALLOC_ARENA_MAX: '2' }),
    });
    child = worker;
    if (worker.pid !== undefined) lowerPriority(worker.pid);
    send(worker, { kind: 'start', config, databaseUrl, workerId });
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') becomeReady();
      else waiting.get(message.request)?.(message.metrics);
    });
    worker.on('error', (error) => log.error({ err: error }, 'worker process'));
    worker.once('exit', (code, signal) => void onExit(workerId, startedAt, code, signal));
  }

  async function onExit(
    workerId: string,
    startedAt: number,
    code: number | null,
    signal: NodeJS.Signals | null,
  ): Promise<void> {
    child = undefined;
    if (stopping) return;
    log.error({ code, signal, worker: workerId }, 'worker process died; starting another');
    // Whoever kills it (an operator, the kernel for want of memory) does not accuse the job.
    const itself = signal !== 'SIGKILL' && signal !== 'SIGTERM';
    if (itself) {
      await options.onCrash(workerId).catch((error) => log.error({ err: error }, 'could not record a crash'));
    }
    backoffMs =
      performance.now() - startedAt > STABLE_MS ? BACKOFF_START_MS : Math.min(2 * backoffMs, BACKOFF_MAX_MS);
    if (!stopping) restart = setTimeout(start, backoffMs);
  }

  function lowerPriority(pid: number): void {
    try {
      setPriority(pid, Math.min(getPriority() + config.workerNice, constants.priority.PRIORITY_LOW));
    } catch (error) {
      log.warn({ err: error }, 'the worker process keeps its priority');
    }
  }

  start();
  return {
    ready,
    get pid() {
      return child?.pid;
    },
    metrics: () =>
      new Promise((resolve) => {
        const worker = child;
        if (!worker) return resolve([]);
        const request = ++requests;
        const answer = (metrics: MetricsSnapshot): void => {
          clearTimeout(timer);
          waiting.delete(request);
          resolve(metrics);
        };
        const timer = setTimeout(answer, METRICS_TIMEOUT_MS, []);
        waiting.set(request, answer);
        send(worker, { kind: 'metrics', request });
      }),
    stop: async (deadlineMs) => {
      stopping = true;
      clearTimeout(restart);
      const worker = child;
      if (!worker) return;
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      send(worker, { kind: 'stop' });
      const timer = setTimeout(() => {
        log.warn('the worker process did not stop in time; its jobs run again elsewhere');
        worker.kill('SIGKILL');
      }, deadlineMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

function send(child: ChildProcess, message: ToWorker): void {
  // A child that died meanwhile is handled where its exit is.
  if (child.connected) child.send(message, () => undefined);
}
