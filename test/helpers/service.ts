import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { migratedDatabase } from './database.js';
import { type Teardown, temporaryFolder } from './services.js';

const server = fileURLToPath(new URL('../../../bundle/server.js', import.meta.url));

/** How a service under test is started. */
export interface ServiceOptions {
  /** Default: a database of the test's own. `null`: the embedded one. */
  readonly databaseUrl?: string | null;
  /** Unset: the queue is PostgreSQL. */
  readonly redisUrl?: string;
  /** Default: a folder of the test's own. */
  readonly dataDir?: string;
  /** Further settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the one it is given as arguments, such as `['nice']`. */
  readonly launcher?: readonly string[];
}

/** A line that the service logged. */
export interface LogLine {
  readonly msg: string;
  readonly process: string;
  readonly [name: string]: unknown;
}

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Halftone of the test's own, in processes of its own. */
export interface Service {
  /** Such as `http://127.0.0.1:40000`. */
  readonly url: string;
  readonly child: ChildProcess;
  readonly pid: number;
  readonly dataDir: string;
  readonly databaseUrl: string | null;
  /** Everything it wrote so far. */
  output(): string;
  /** The first log line that passes, written already or yet to come. Rejects when the service ends before. */
  logged(passes: (line: LogLine) => boolean): Promise<LogLine>;
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<Exit>;
  /** SIGTERM. @throws Error when it does not end with exit code 0 */
  stop(): Promise<void>;
}

/**
 * Starts a whole service and waits until it takes work. It is stopped after the test, which fails when
 * the service does not end with exit code 0, unless the test killed it.
 */
export async function startService(t: Teardown, options: ServiceOptions = {}): Promise<Service> {
  const dataDir = options.dataDir ?? (await temporaryFolder(t));
  const databaseUrl = options.databaseUrl === undefined ? await migratedDatabase(t) : options.databaseUrl;
  // tap loads itself into every Node process that a test starts, and catches its signals: the service
  // runs without, as its users run it.
  const args = ['-u', 'NODE_OPTIONS', ...(options.launcher ?? []), process.execPath, server];
  const child = spawn('env', args, {
    // A folder without a .env of the developer's.
    cwd: dataDir,
    env: environment(dataDir, databaseUrl, options),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit').then(([code, signal]): Exit => ({ code, signal }));
  const log = readOutput(child);
  // A test process that is ended for its time-out leaves nothing behind.
  const abandon = (): void => void child.kill('SIGKILL');
  process.once('exit', abandon);
  void exit.then(() => process.off('exit', abandon));

  const kill = (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal);
    return exit;
  };
  let killed = false;
  const stop = async (): Promise<void> => {
    const { code, signal } = await kill('SIGTERM');
    if (code !== 0)
      throw new Error(`The service ended with ${signal ?? `exit code ${code}`}:\n${log.text()}`);
  };
  t.teardown(async () => {
    if (killed) return;
    await stop().catch((error) => {
      // tap says only that a teardown failed.
      console.error(error);
      throw error;
    });
  });

  const url = await log.find(/^ {2}Halftone listens on (\S+)/);
  const hasWorker = options.env?.['ROLE'] !== 'api';
  if (hasWorker) await log.find(/"msg":"worker ready"/);
  await everyPartAnswers(url, hasWorker);
  return {
    url,
    child,
    pid: child.pid ?? 0,
    dataDir,
    databaseUrl,
    output: log.text,
    logged: log.line,
    kill: (signal) => {
      killed = true;
      return kill(signal);
    },
    stop,
  };
}

/** Asks until all is well: on a busy machine the first connections take their time. */
async function everyPartAnswers(url: string, hasWorker: boolean): Promise<void> {
  for (;;) {
    const { checks } = JSON.parse(await (await fetch(`${url}/readyz`)).text());
    const states = Object.entries(checks).filter(([part]) => hasWorker || part !== 'worker');
    if (states.every(([, state]) => state === 'ok')) return;
  }
}

/** What lies among a service's temporary files: nothing, when nobody uploads. */
export function filesLeft({ dataDir }: Pick<Service, 'dataDir'>): Promise<string[]> {
  return readdir(join(dataDir, 'store', 'tmp'));
}

function environment(
  dataDir: string,
  databaseUrl: string | null,
  options: ServiceOptions,
): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return {
    PATH,
    HOME,
    NODE_ENV: 'production',
    PORT: '0',
    // Who tests keys switches them on.
    AUTH: 'off',
    DATA_DIR: dataDir,
    ...(databaseUrl !== null && { DATABASE_URL: databaseUrl }),
    ...(options.redisUrl !== undefined && { REDIS_URL: options.redisUrl }),
    // On, and out of the way of tests that are not about them.
    RATE_LIMIT_MAX: '100000',
    RATE_LIMIT_EXPENSIVE_MAX: '100000',
    ...options.env,
  };
}

interface Output {
  text(): string;
  /** The first group of the first line that matches, or the whole line. */
  find(pattern: RegExp): Promise<string>;
  line(passes: (line: LogLine) => boolean): Promise<LogLine>;
}

function readOutput(child: ChildProcess): Output {
  const lines: string[] = [];
  const watchers = new Set<(line: string | undefined) => void>();
  let ended = false;
  const tell = (line: string | undefined): void => {
    for (const watcher of [...watchers]) watcher(line);
  };
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      tell(line);
    });
  }
  child.once('close', () => {
    ended = true;
    tell(undefined);
  });
  const text = (): string => lines.join('\n');

  function first<T>(read: (line: string) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error(`The service ended before it said so:\n${text()}`));
      for (const line of lines) {
        const found = read(line);
        if (found !== undefined) return resolve(found);
      }
      if (ended) return gone();
      const watcher = (line: string | undefined): void => {
        const found = line === undefined ? undefined : read(line);
        if (line !== undefined && found === undefined) return;
        watchers.delete(watcher);
        if (found === undefined) gone();
        else resolve(found);
      };
      watchers.add(watcher);
    });
  }

  return {
    text,
    find: (pattern) =>
      first((line) => {
        const found = pattern.exec(line);
        return found ? (found[1] ?? line) : undefined;
      }),
    line: (passes) =>
      first((line) => {
        const parsed = parseLine(line);
        return parsed && passes(parsed) ? parsed : undefined;
      }),
  };
}

function parseLine(line: string): LogLine | undefined {
  return line.startsWith('{') ? JSON.parse(line) : undefined;
}
