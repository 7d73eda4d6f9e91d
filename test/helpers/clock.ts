import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findServerBinaries } from '../../lib/database/embedded/binaries.js';
import { clusterFolder } from '../../lib/database/embedded/cluster.js';
import { chooseLauncher } from '../../lib/database/embedded/launcher.js';
import { serverSettings } from '../../lib/database/embedded/settings.js';
import { startEmbeddedPostgres } from '../../lib/database/embedded-postgres.js';
import { connect } from './embedded-postgres.js';
import { eventually } from './events.js';
import { faketimeLibrary } from './faketime-library.js';
import { type Teardown, temporaryFolder } from './services.js';

/** A clock of some processes that can be set while they run. */
export interface MovableClock {
  /** What a process on this clock is started with. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets it to so many seconds after (or before) the real time. */
  set(seconds: number): Promise<void>;
}

/**
 * Makes a clock out of libfaketime. Only the time of day
 * moves, as when an operator or NTP sets it: the monotonic clock of timers goes on.
 *
 * @returns undefined where libfaketime is not installed
 */
export async function movableClock(t: Teardown): Promise<MovableClock | undefined> {
  const library = await faketimeLibrary();
  if (library === undefined) return undefined;
  const folder = await temporaryFolder(t);
  // PostgreSQL runs as somebody else.
  await chmod(folder, 0o755);
  const file = join(folder, 'clock');
  const set = (seconds: number): Promise<void> => writeFile(file, `${seconds < 0 ? '' : '+'}${seconds}s\n`);
  await set(0);
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_CACHE_DURATION: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { env, set };
}

/** Starts a PostgreSQL whose `now()` is of this clock. @returns its connection string */
export async function startPostgresOnClock(t: Teardown, { env }: MovableClock): Promise<string> {
  const dataDir = await temporaryFolder(t);
  const made = await startEmbeddedPostgres({ dataDir, log: () => {}, durable: false });
  await made.stop();
  const binaries = await findServerBinaries();
  const folder = clusterFolder(dataDir);
  const launcher = await chooseLauncher(binaries, dataDir, folder);
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const args = [...settings, binaries.postgres, '-D', folder, ...serverSettings(folder, made.port, false)];
  const child = launcher.launch('/usr/bin/env', args, { detached: true });
  child.stderr?.resume();
  const kill = (): void => void child.kill('SIGQUIT');
  process.once('exit', kill);
  t.teardown(async () => {
    process.off('exit', kill);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode !== null || !child.kill('SIGQUIT')) return;
    await ended;
  });
  const sql = connect(t, made.url);
  await eventually(async () => (await sql`select 1`).length > 0 || undefined);
  return made.url;
}
