import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { startEmbeddedPostgres } from '../lib/database/embedded-postgres.js';
import { makeTemplate } from '../test/helpers/migrate.js';
import { startRedisServer } from '../test/helpers/redis-server.js';
import { FILE_TIMEOUT_MS } from '../test/helpers/test-file.js';
import { bundleTests, type TestBundle, type TestGroup } from './bundle-tests.js';
import { ensureTestServices } from './ensure-test-services.js';

// `npm test`: one PostgreSQL and one Redis for all test files, some files to a process, under tap.
const root = fileURLToPath(new URL('../../', import.meta.url));
const compiled = join(root, 'dist/test');
// Some of what a test does is to wait.
const SIDE_BY_SIDE = Math.max(3, Math.floor(availableParallelism() / 2));
// How many files of a folder share a process: what they load and make, and V8 has learnt to run, is there for the next.
const FILES_A_GROUP: Readonly<Record<string, number>> = { acceptance: 8, lib: 12, workers: 7 };
// What a test makes is mostly gone by its end: collected less often, less of it is copied.
const NODE_FLAGS = ['--enable-source-maps', '--min-semi-space-size=16'];
const SHARED_MEMORY = '/dev/shm';
const ROOM_BYTES = 4 * 1024 ** 3;

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
  const asked = process.argv.slice(2).map((file) => resolve(file));
  const files = asked.length > 0 ? asked : await allFiles();
  const bundles = await bundleTests(root, groupsOf(files));
  const folder = await mkdtemp(join(await roomyFolder(), 'halftone-tests-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  // Folders of ordinary users lie in it too.
  await chmod(folder, 0o711);
  const redis = await startRedisServer(folder);
  cleanUps.push(() => redis.kill());
  const env = await preparePostgres(folder);
  return run(bundles, { ...env, TEST_REDIS_URL: redis.url, TMPDIR: folder });
}

/** Where databases and stores of tests may lie: in memory where there is room, as some disks take five times as long. */
async function roomyFolder(): Promise<string> {
  const memory = await statfs(SHARED_MEMORY).catch(() => undefined);
  return memory && memory.bavail * memory.bsize >= ROOM_BYTES ? SHARED_MEMORY : tmpdir();
}

/**
 * Starts the PostgreSQL that files share. Those of their own are copies of its folder as it was before, and their
 * databases copies of one: both with the newest schema.
 *
 * @returns how the files find it, as variables of the environment
 */
async function preparePostgres(folder: string) {
  const dataDir = join(folder, 'postgres');
  const cluster = join(folder, 'copied');
  const start = () => startEmbeddedPostgres({ dataDir, log: () => {}, durable: false });
  const first = await start();
  cleanUps.push(() => first.stop());
  const template = await makeTemplate(first.url);
  await first.stop();
  await cp(dataDir, cluster, { recursive: true });
  const server = await start();
  cleanUps.push(() => server.stop());
  return { TEST_CLUSTER: cluster, TEST_DATABASE_URL: server.url, TEST_TEMPLATE: template };
}

async function allFiles(): Promise<string[]> {
  const files = await readdir(compiled, { recursive: true });
  return files
    .filter((file) => file.endsWith('.test.js'))
    .sort()
    .map((file) => join(compiled, file));
}

/** Files of a folder, a few to a group. */
function groupsOf(files: readonly string[]): TestGroup[] {
  const folderOf = (file: string): string => relative(compiled, file).split(sep)[0] ?? '';
  return [...new Set(files.map(folderOf))].flatMap((folder) => {
    const some = files.filter((file) => folderOf(file) === folder);
    const size = FILES_A_GROUP[folder] ?? 1;
    return Array.from({ length: Math.ceil(some.length / size) }, (_, index) => ({
      name: `${folder}-${index + 1}`,
      files: some.slice(index * size, (index + 1) * size),
    }));
  });
}

/** Runs groups of files, some of them side by side. @returns the exit code */
async function run(groups: readonly TestBundle[], env: Readonly<Record<string, string>>): Promise<number> {
  if (stopRequest.signal.aborted) return signalCode(stopRequest.signal.reason);
  t.register();
  t.setTimeout(0);
  t.jobs = SIDE_BY_SIDE;
  const told = tell();
  const running = groups.map(({ name, files, path }) =>
    // tap's hooks, for coverage and mocks, make a process load twice as long: it starts without them.
    t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...NODE_FLAGS, path], {
      name,
      buffered: true,
      at: null,
      timeout: FILE_TIMEOUT_MS * files.length,
      env: { ...process.env, ...env, TAP_TIMEOUT: '0' },
    }),
  );
  stopRequest.signal.addEventListener('abort', () => {
    for (const { subtest } of running) {
      subtest?.proc?.kill(stopRequest.signal.reason);
      subtest?.on('process', (child) => child.kill(stopRequest.signal.reason));
    }
  });
  await Promise.all(running);
  t.end();
  await told;
  if (stopRequest.signal.aborted) return signalCode(stopRequest.signal.reason);
  return t.passing() ? 0 : 1;
}

/** Shows what tap says: in a terminal as its reporter does, elsewhere as it is. @returns when all is told */
async function tell(): Promise<void> {
  if (process.stdout.isTTY) {
    const reporter = spawn(join(root, 'node_modules/.bin/tap'), ['-'], {
      cwd: root,
      stdio: ['pipe', 'inherit', 'inherit'],
    });
    t.pipe(reporter.stdin);
    await once(reporter, 'exit');
  } else {
    const output = new PassThrough();
    t.pipe(output);
    await passOn(output);
  }
}

/** Passes it on, and says last what failed: among 12,000 lines nobody finds it. */
async function passOn(output: Readable): Promise<void> {
  const failures: string[] = [];
  for await (const line of createInterface({ input: output })) {
    console.log(line);
    if (/^ *not ok /.test(line)) failures.push(line);
  }
  if (failures.length > 0) console.log(['Failed:', ...failures].join('\n'));
}

/** The exit code by which a shell reports a signal. */
function signalCode(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
