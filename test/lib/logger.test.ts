import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import t from 'tap';

const logger = new URL('../../lib/logger.js', import.meta.url).href;

/** What a process of its own logs, line by line. */
async function logged(script: string): Promise<Record<string, unknown>[]> {
  const code = `import { createLogger } from ${JSON.stringify(logger)}; ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

t.test('a line says which process wrote it, and nothing is lost when that process ends', async (t) => {
  const lines = await logged(`
    const log = createLogger('worker', { level: 'info', pretty: false });
    log.debug('too quiet');
    for (let count = 0; count < 3; count++) log.info({ count }, 'line');
    process.exit(0);
  `);
  t.match(
    lines,
    [0, 1, 2].map((count) => ({ process: 'worker', pid: Number, level: 30, msg: 'line', count })),
  );
  t.equal(lines.length, 3);
});

t.test('secrets that drivers hang on their errors stay out of the log', async (t) => {
  const [line, ...more] = await logged(`
    const error = Object.assign(new Error('NOAUTH'), {
      code: 'NOAUTH',
      command: { name: 'auth', args: ['hush-1'] },
      parameters: ['hush-2'],
      args: ['hush-3'],
    });
    createLogger('api', { level: 'info', pretty: false }).error({ err: error }, 'no connection');
  `);
  t.match(line, { msg: 'no connection', err: { message: 'NOAUTH', code: 'NOAUTH', stack: /NOAUTH/ } });
  t.notMatch(JSON.stringify(line), /hush/);
  t.same(more, []);
});

t.test('the line of a request is one like any other', async (t) => {
  const lines = await logged(`
    const log = createLogger('api', { level: 'info', pretty: false });
    const line = { request: 'a-1', method: 'GET', path: '/v1/images/"\\\\n', status: 200, ms: 0.3 };
    const { msg, ...rest } = { msg: 'request', ...line };
    log.request(line);
    log.info(rest, msg);
    log.request({ ...line, status: 503 });
    const quiet = createLogger('api', { level: 'warn', pretty: false });
    quiet.request(line);
  `);
  const [own, pinos, failed, ...more] = lines.map(({ time, ...line }) => ({ ...line, timed: typeof time }));
  t.same(own, pinos, 'as pino would have written it');
  t.match(failed, { level: 40, status: 503 });
  t.same(more, []);
});

t.test('a thread logs as its process does', async (t) => {
  const thread = `import(${JSON.stringify(logger)}).then(({ createLogger }) =>
    createLogger('export', { level: 'info', pretty: false }).info('from the thread'));`;
  const lines = await logged(`
    const { Worker } = await import('node:worker_threads');
    new Worker(${JSON.stringify(thread)}, { eval: true });
  `);
  t.match(lines, [{ process: 'export', msg: 'from the thread' }]);
});
