import t from 'tap';
import { Isolation } from '../../workers/isolation.js';
import { latch, Recorder } from '../helpers/events.js';

/** A task that notes its start and runs until its latch opens. */
function tasks(isolation: Isolation, started: Recorder<string>) {
  return (name: string, alone: boolean) => {
    const end = latch();
    const done = isolation.run(alone, async () => {
      started.add(name);
      await end.opened;
      return name;
    });
    return { end: () => end.open(), done };
  };
}

t.test('tasks run side by side, and one that wants to be alone waits for them', async (t) => {
  const started = new Recorder<string>();
  const run = tasks(new Isolation(), started);
  const [first, second, alone] = [run('first', false), run('second', false), run('alone', true)];
  await started.length(2);
  first.end();
  t.equal(await first.done, 'first');
  t.same(started.items, ['first', 'second'], 'one of them still runs');
  second.end();
  await started.length(3);
  alone.end();
  t.equal(await alone.done, 'alone');
});

t.test('nothing runs beside a task that is alone, and whoever came first goes first', async (t) => {
  const started = new Recorder<string>();
  const run = tasks(new Isolation(), started);
  const alone = run('alone', true);
  const [neighbour, next, last] = [run('neighbour', false), run('next', true), run('last', false)];
  t.same(await started.length(1), ['alone']);
  alone.end();
  await alone.done;
  await started.length(2);
  t.same(started.items, ['alone', 'neighbour'], 'the next one that wants to be alone waits for it');
  neighbour.end();
  await neighbour.done;
  await started.length(3);
  t.same(started.items.slice(2), ['next']);
  next.end();
  await started.length(4);
  last.end();
  await Promise.all([next.done, last.done]);
});

t.test('a task that fails makes room like any other', async (t) => {
  const isolation = new Isolation();
  await t.rejects(
    isolation.run(true, () => Promise.reject(new Error('broken'))),
    { message: 'broken' },
  );
  t.equal(await isolation.run(true, async () => 'next'), 'next');
});
