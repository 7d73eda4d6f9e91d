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
  return tap(process.argv.slice(2), env);
}

/**
 * Whether tap is still as npm installs it, with the TypeScript plugin that .taprc switches off. tap
 * builds itself anew when it notices, but too late for the run that noticed.
 */
async function tapLoadsTypeScript(): Promise<boolean> {
  const fromTap = createRequire(createRequire(import.meta.url).resolve('tap'));
  return (await readFile(fromTap.resolve('@tapjs/test/test-built'), 'utf8')).includes('@tapjs/typescript');
}

/**
 * Passes on what tap writes where there is no terminal, and says last what failed: among 12,000 lines nobody finds
 * it.
 */
async function passOn(output: Readable): Promise<void> {
  const failures: string[] = [];
  for await (const line of createInterface({ input: output })) {
    console.log(line);
    if (/^ *not ok /.test(line)) failures.push(line);
  }
  if (failures.length > 0) console.log(['Failed:', ...failures].join('\n'));
}

/** Runs tap to its end. @returns its exit code */
async function tap(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<number> {
  if (stopRequest.signal.aborted) return signalCode(stopRequest.signal.reason);
  const child = spawn(tapProgram, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['inherit', process.stdout.isTTY ? 'inherit' : 'pipe', 'inherit'],
  });
  stopRequest.signal.addEventListener('abort', () => child.kill(stopRequest.signal.reason));
  const [[code, signal]] = await Promise.all([
    once(child, 'exit'),
    child.stdout ? passOn(child.stdout) : undefined,
  ]);
  return code ?? signalCode(signal);
}

/** The exit code by which a shell reports a signal. */
function signalCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
