import { createLogger } from '../lib/logger.js';
import type { FromWorker, ToWorker } from './messages.js';
import { type RunningWorker, startWorker } from './worker.js';

/** The exit code of a worker process that ends itself because a thread hangs. */
const EXIT_HUNG = 70;

/**
 * The entry of the worker process. The supervisor forks it, tells it its configuration and when to
 * stop; a worker whose supervisor has died stops by itself.
 *
 * @param resizeEntry the thread entry; another one only in tests
 */
export function runWorkerProcess(resizeEntry?: URL): void {
  let worker: Promise<RunningWorker> | undefined;
  let shutdownMs = 0;
  let stopping = false;

  process.on('message', (message: ToWorker) => {
    if (message.kind === 'start') {
      shutdownMs = message.config.shutdownSeconds * 1000;
      worker = start(message);
    } else if (message.kind === 'stop') void stop();
    else
      void worker?.then(async ({ metrics }) => {
        tell({
          kind: 'metrics',
          request: message.request,
          metrics: await metrics.registry.getMetricsAsJSON(),
        });
      });
  });
  process.on('disconnect', () => void stop());
  // In a terminal Ctrl-C reaches the whole group; the supervisor says in its own time when to stop.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => void stop());

  async function start({
    config,
    databaseUrl,
    workerId,
  }: Extract<ToWorker, { kind: 'start' }>): Promise<RunningWorker> {
    const log = createLogger('worker', { level: config.logLevel, pretty: process.stdout.isTTY });
    const abort = (): void => process.exit(EXIT_HUNG);
    const running = await startWorker({
      config,
      databaseUrl,
      workerId,
      log,
      abort,
      ...(resizeEntry && { resizeEntry }),
    });
    log.info(
      { threads: config.resizeThreads, queue: config.redisUrl ? 'redis' : 'postgres' },
      'worker ready',
    );
    tell({ kind: 'ready' });
    return running;
  }

  async function stop(): Promise<void> {
    if (stopping) return;
    stopping = true;
    // A supervisor sees to the deadline itself; one that has died cannot.
    setTimeout(() => process.exit(1), shutdownMs).unref();
    await worker?.then((running) => running.close());
    process.exit(0);
  }
}

function tell(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}
