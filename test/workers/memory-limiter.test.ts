import { fork } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { memoryLimiter } from '../../workers/memory-limiter.js';
import { recordingLogger } from '../helpers/events.js';

const entry = new URL('../helpers/hungry-process.js', import.meta.url);
const env = { PATH: process.env['PATH'] };

t.test('a process gets no more memory than its limit, and can tell', async (t) => {
  const { log, lines } = recordingLogger();
  const child = fork(entry, { ...memoryLimiter(512, [], log), env });
  const [mib] = await once(child, 'message');
  t.ok(mib > 100 && mib < 512, `it got ${mib} MiB`);
  await once(child, 'exit');
  t.same(lines.items, []);
});

t.test('no limit, no shell', async (t) => {
  const { log, lines } = recordingLogger();
  t.same(memoryLimiter(0, ['--flag'], log), { execArgv: ['--flag'] });
  t.same(lines.items, []);
});
