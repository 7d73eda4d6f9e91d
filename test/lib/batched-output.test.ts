import { spawnSync } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { BatchedOutput } from '../../lib/batched-output.js';
import { eventually } from '../helpers/events.js';
import { temporaryFolder } from '../helpers/services.js';

t.test('every line arrives, in order, however long', async (t) => {
  const path = join(await temporaryFolder(t), 'log');
  const file = await open(path, 'w');
  t.teardown(() => file.close());
  const output = new BatchedOutput(file.fd);
  const lines = Array.from({ length: 2_500 }, (_, index) => `line ${index}, ${'ö€'.repeat(index % 20)}\n`);
  lines.splice(1_000, 0, `${'long'.repeat(50_000)}\n`);
  for (const line of lines) output.write(line);
  const written = async (): Promise<true | undefined> =>
    (await readFile(path, 'utf8')) === lines.join('') || undefined;
  t.ok(await eventually(written));
});

t.test('what is not yet written at the exit is written then', async (t) => {
  const path = join(await temporaryFolder(t), 'log');
  const file = await open(path, 'w');
  t.teardown(() => file.close());
  const module = new URL('../../lib/batched-output.js', import.meta.url).href;
  const script = `
    import { BatchedOutput } from ${JSON.stringify(module)};
    new BatchedOutput(1).write('the last words\\n');
    process.exit(3);`;
  const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', file.fd, 'inherit'],
  });
  t.equal(status, 3);
  t.equal(await readFile(path, 'utf8'), 'the last words\n');
});

t.test('a reader that is slower than the log gets every line all the same', async (t) => {
  const module = new URL('../../lib/batched-output.js', import.meta.url).href;
  // Who writes by `process.stdout` too has a pipe that does not wait.
  const script = `
    import { BatchedOutput } from ${JSON.stringify(module)};
    process.stdout.write('');
    const output = new BatchedOutput(1);
    for (let line = 0; line < 50_000; line++) output.write('line ' + line + '\\n');`;
  // By a shell: what Node gives a child as a pipe is a socket, which takes more at once.
  const { stdout } = spawnSync(
    'sh',
    ['-c', '"$0" --input-type=module -e "$1" | cat', process.execPath, script],
    {
      encoding: 'utf8',
    },
  );
  const lines = Array.from({ length: 50_000 }, (_, line) => `line ${line}\n`);
  t.ok(stdout === lines.join(''), 'each of them, in order');
});
