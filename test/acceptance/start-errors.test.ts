import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { freePort } from '../../lib/database/embedded/free-port.js';
import { startService } from '../helpers/service.js';
import { temporaryFolder, testDatabase } from '../helpers/services.js';

const server = fileURLToPath(new URL('../../../bundle/server.js', import.meta.url));

/** Starts a service that cannot start. @returns its exit code, and what it said on stderr */
async function failure(t: Test, env: Record<string, string>): Promise<{ code: unknown; said: string }> {
  const cwd = await temporaryFolder(t);
  const child = spawn(process.execPath, [server], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { code, said };
}

t.test('a value that cannot be used ends the start, and is named', async (t) => {
  const { code, said } = await failure(t, { PORT: 'eighty', MAX_UPLOAD_BYTES: '50MB' });
  t.equal(code, 1);
  t.match(said, /^Halftone did not start: PORT is "eighty"; it takes a whole number from 0 to 65535/);
  t.match(said, /MAX_UPLOAD_BYTES is "50MB"/);
  t.notMatch(said, /\n {4}at /, 'no stack');
});

t.test('a database that is not there ends the start', async (t) => {
  const port = await freePort();
  const { code, said } = await failure(t, { DATABASE_URL: `postgres://nobody:hush@127.0.0.1:${port}/none` });
  t.equal(code, 1);
  t.match(said, /Halftone did not start: .*ECONNREFUSED/s);
  t.notMatch(said, /hush/);
});

t.test('a port that is taken ends the start, and leaves nothing running', async (t) => {
  const { url } = await startService(t, { env: { ROLE: 'api' } });
  const { code, said } = await failure(t, {
    PORT: new URL(url).port,
    DATABASE_URL: await testDatabase(t),
    LOG_LEVEL: 'silent',
  });
  t.equal(code, 1);
  t.match(said, /EADDRINUSE/);
});
