import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { startEmbeddedPostgres } from '../lib/database/embedded-postgres.js';
import { makeTemplate } from '../test/helpers/database.js';
import { startRedisServer } from '../test/helpers/redis-server.js';
import { ensureTestServices } from './ensure-test-services.js';

// `npm test`: one PostgreSQL and one Redis for all test files, then tap with the arguments given.
const root = fileURLToPath(new URL('../../', import.meta.url));
/** More than these is no accident. */
const MOST_REPEATED = 3;
/** A test file as tap's last lines name it. */
const TEST_FILE = /^not ok \d+ - (\S+\.test\.js)/;
const tapProgram = join(root, 'node_modules/.bin/tap');

const cleanUps: (() => Promise<unknown>)[] = [];
const stopRequest = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => stopRequest.abort(signal));
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
}

async function main(): Promise<number> {
  await ensureTestServices();
  if (await tapLoadsTypeScript()) await tap(['build']);
  const folder = await mkdtemp(join(tmpdir(), 'halftone-tests-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const redis = await startRedisServer(folder);
  cleanUps.push(() => redis.kill());
  const database = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    log: () => {},
    durable: false,
  });
  cleanUps.push(() => database.stop());
  const env = {
    TEST_DATABASE_URL: database.url,
    TEST_TEMPLATE: await makeTemplate(database.url),
    TEST_REDIS_URL: redis.url,
  };
  const { code, failed } = await tap(process.argv.slice(2), env);
  if (failed.length === 0 || failed.length > MOST_REPEATED) return code;
  // Most of these tests start several processes: on a busy machine one may miss what it waits for. What fails by
  // itself, too, has failed; the others are told, for whoever mends them.
  console.log(`\nOnce more, by themselves: ${failed.join(' ')}`);
  const again = await tap(['--jobs=1', ...failed], env);
  if (again.code === 0) console.log(`\nUNSTABLE, passed the second time: ${failed.join(' ')}`);
  return again.code;
}

/**
 * Whether tap is still as npm installs it, with the TypeScript plugin that .taprc switches off. tap
 * builds itself anew when it notices, but too late for the run that noticed.
 */
async function tapLoadsTypeScript(): Promise<boolean> {
  const fromTap = createRequire(createRequire(import.meta.url).resolve('tap'));
  return (await readFile(fromTap.resolve('@tapjs/test/test-built'), 'utf8')).includes('@tapjs/typescript');
}

/** Passes on what tap writes where there is no terminal, and says last what failed: among 12,000 lines nobody finds it. @returns the files that failed */
async function passOn(output: Readable): Promise<string[]> {
  const failures: string[] = [];
  for await (const line of createInterface({ input: output })) {
    console.log(line);
    if (/^ *not ok /.test(line)) failures.push(line);
  }
  if (failures.length > 0) console.log(['Failed:', ...failures].join('\n'));
  return failures.flatMap((line) => TEST_FILE.exec(line)?.[1] ?? []);
}

/** Runs tap to its end. @returns its exit code and, where there is no terminal, the files that failed */
async function tap(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly failed: readonly string[] }> {
  if (stopRequest.signal.aborted) return { code: signalCode(stopRequest.signal.reason), failed: [] };
  const child = spawn(tapProgram, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['inherit', process.stdout.isTTY ? 'inherit' : 'pipe', 'inherit'],
  });
  stopRequest.signal.addEventListener('abort', () => child.kill(stopRequest.signal.reason));
  const [[code, signal], failed] = await Promise.all([
    once(child, 'exit'),
    child.stdout ? passOn(child.stdout) : [],
  ]);
  return { code: code ?? signalCode(signal), failed };
}

/** The exit code by which a shell reports a signal. */
function signalCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
