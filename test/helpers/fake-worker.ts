import type { FromWorker, ToWorker } from '../../workers/messages.js';

/** How a {@link fakeWorker} behaves; it is told in the place of the database's URL. */
export type FakeBehaviour = 'well' | 'deaf' | 'exits' | 'crashes';

/** A worker process for tests of the supervisor. It does no work. */
export const fakeWorker = new URL(import.meta.url);

const tell = (message: FromWorker): void => void process.send?.(message);

let behaviour = '';
process.on('message', (message: ToWorker) => {
  if (message.kind === 'start') {
    behaviour = message.databaseUrl;
    if (behaviour === 'exits') process.exit(3);
    if (behaviour === 'crashes') process.kill(process.pid, 'SIGSEGV');
    tell({ kind: 'ready' });
  } else if (behaviour === 'deaf') return;
  else if (message.kind === 'stop') process.exit(0);
  else tell({ kind: 'metrics', request: message.request, metrics: [] });
});
process.on('SIGTERM', () => undefined);
