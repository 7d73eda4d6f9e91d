import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { getPriority } from 'node:os';
import t from 'tap';
import { standBack } from '../../lib/priority.js';

t.test('a process that stands back has a nice value, and so has the group that its session is', async (t) => {
  const first = await sleeper(t.teardown);
  const second = await sleeper(t.teardown);
  // At once: who is no administrator has to wait between the two.
  await Promise.all([standBack(first, 7), standBack(second, 9)]);
  t.equal(getPriority(first), 7);
  t.equal(getPriority(second), 9);
  // Kernels without such groups have no such file, and then the nice value is all there is.
  t.match((await groupOf(first)) ?? 'nice 7', /nice 7$/);
  t.match((await groupOf(second)) ?? 'nice 9', /nice 9$/);
  t.notMatch((await groupOf(process.pid)) ?? '', /nice [79]$/, 'no other session is touched');
});

t.test('that a process has ended is no error', async (t) => {
  const child = spawn('true', { detached: true });
  const pid = pidOf(child);
  await once(child, 'exit');
  await t.resolves(standBack(pid, 7));
});

/** A process that leads a session of its own. */
async function sleeper(teardown: (end: () => Promise<void>) => void): Promise<number> {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  await once(child, 'spawn');
  teardown(async () => {
    const exit = once(child, 'exit');
    child.kill();
    await exit;
  });
  return pidOf(child);
}

function pidOf({ pid }: ChildProcess): number {
  // 0 would be this process.
  if (pid === undefined) throw new Error('the process did not start');
  return pid;
}

async function groupOf(pid: number): Promise<string | undefined> {
  return (await readFile(`/proc/${pid}/autogroup`, 'utf8').catch(() => undefined))?.trim();
}
