import t, { type Test } from 'tap';
import { type Supervisor, startSupervisor } from '../../workers/supervisor.js';
import { testConfig } from '../helpers/config.js';
import { eventually, type LogLine, Recorder, recordingLogger } from '../helpers/events.js';
import { type FakeBehaviour, fakeWorker } from '../helpers/fake-worker.js';

interface Watched {
  readonly supervisor: Supervisor;
  /** Which workers were said to have died by their own fault, and when, in ms. */
  readonly crashes: Recorder<{ worker: string; at: number }>;
  readonly logged: Recorder<LogLine>;
}

function watch(t: Test, behaviour: FakeBehaviour, onCrash: () => Promise<void> = async () => {}): Watched {
  const crashes = new Recorder<{ worker: string; at: number }>();
  const { log, lines: logged } = recordingLogger();
  const supervisor = startSupervisor({
    config: testConfig({ RESIZE_THREADS: '1' }),
    databaseUrl: behaviour,
    log,
    entry: fakeWorker,
    onCrash: (worker) => {
      crashes.add({ worker, at: performance.now() });
      return onCrash();
    },
  });
  t.teardown(() => supervisor.stop(0));
  return { supervisor, crashes, logged };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

t.test('a worker runs until it is stopped, and is not started again', async (t) => {
  const { supervisor, crashes } = watch(t, 'well');
  await supervisor.ready;
  const pid = supervisor.pid ?? 0;
  t.ok(isAlive(pid));
  t.same(await supervisor.metrics(), []);
  await supervisor.stop(60_000);
  t.notOk(isAlive(pid));
  t.equal(supervisor.pid, undefined);
  t.same(crashes.items, []);
  await t.resolves(supervisor.stop(0), 'a second stop finds nothing to do');
  t.same(await supervisor.metrics(), [], 'nobody is there to ask');
});

for (const [behaviour, name] of [
  ['exits', 'ends itself'],
  ['crashes', 'is ended by a native crash'],
] as const) {
  t.test(`a worker that ${name} is blamed and started again, each time later`, async (t) => {
    const { supervisor, crashes, logged } = watch(t, behaviour);
    const waits: number[] = [];
    for (let count = 1; count <= 3; count++) {
      const { at } = (await crashes.length(count)).at(-1) ?? { at: 0 };
      await eventually(async () => supervisor.pid);
      waits.push(performance.now() - at);
    }
    const [short = 0, long = 0, longest = 0] = waits;
    t.ok(short > 190 && long > 390 && longest > 790, `it waited ${waits.map(Math.round)} ms`);
    const [first, ...more] = crashes.items;
    t.notOk(
      more.some(({ worker }) => worker === first?.worker),
      'each start is another worker',
    );
    const expected = behaviour === 'exits' ? { code: 3 } : { signal: 'SIGSEGV' };
    t.match(logged.items[0], { level: 'error', fields: { ...expected, worker: first?.worker } });
    await supervisor.stop(0);
  });
}

t.test('a worker that somebody kills is started again, and nothing is blamed on it', async (t) => {
  const { supervisor, crashes } = watch(t, 'well');
  await supervisor.ready;
  const pid = supervisor.pid ?? 0;
  process.kill(pid, 'SIGKILL');
  const next = await eventually(async () => (supervisor.pid === pid ? undefined : supervisor.pid));
  t.ok(isAlive(next));
  t.same(crashes.items, []);
});

t.test('a crash that cannot be recorded is logged, and the worker comes back all the same', async (t) => {
  const { crashes, logged } = watch(t, 'exits', () => Promise.reject(new Error('no database')));
  await crashes.length(2);
  t.ok(
    logged.items.some(({ level, message }) => level === 'error' && message === 'could not record a crash'),
  );
});

t.test('a stop while the next start is awaited leaves no worker behind', async (t) => {
  const { supervisor, crashes } = watch(t, 'exits');
  await crashes.length(1);
  await supervisor.stop(60_000);
  t.equal(supervisor.pid, undefined);
});

t.test('a worker that does not answer has no metrics, and is killed at the deadline', async (t) => {
  const { supervisor, logged } = watch(t, 'deaf');
  await supervisor.ready;
  const pid = supervisor.pid ?? 0;
  t.same(await supervisor.metrics(), []);
  await supervisor.stop(50);
  t.notOk(isAlive(pid));
  t.ok(logged.items.some(({ message }) => /did not stop in time/.test(String(message))));
});
