import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemErrorCode } from '../lib/errors.js';
import { faketimeLibrary } from '../test/helpers/faketime-library.js';

// Debian asks this script before it starts a service; 101 forbids it.
const policyFile = '/usr/sbin/policy-rc.d';
const forbidStart = '#!/bin/sh\nexit 101\n';

/**
 * Makes sure that what the tests run against is there: `redis-server` (PostgreSQL comes with npm), and libfaketime,
 * without which the test of a clock that is set is skipped. Root on a Debian gets them installed, without the
 * system's own Redis being started.
 *
 * @throws Error with the command to type where there is no Redis and it cannot be installed from here
 */
export async function ensureTestServices(): Promise<void> {
  const hasRedis = await onPath('redis-server');
  const hasFaketime = (await faketimeLibrary()) !== undefined;
  if (hasRedis && hasFaketime) return;
  try {
    await install([...(hasRedis ? [] : ['redis-server']), ...(hasFaketime ? [] : ['libfaketime'])]);
  } catch (error) {
    if (!hasRedis) throw error;
    console.error(error instanceof Error ? error.message : error);
  }
}

/** Makes sure of `redis-server` alone, for benches. @throws Error with the command to type */
export async function ensureRedis(): Promise<void> {
  if (!(await onPath('redis-server'))) await install(['redis-server']);
}

async function install(packages: readonly string[]): Promise<void> {
  const debian = await onPath('apt-get');
  if (!debian || process.getuid?.() !== 0) throw toBeInstalled(packages, debian);
  console.error(`Installing ${packages.join(' and ')} …`);
  await withoutServiceStart(async () => {
    const options = ['--yes', '--no-install-recommends'];
    if (!(await apt('update')) || !(await apt('install', ...options, ...packages)))
      throw toBeInstalled(packages, debian);
  });
}

function toBeInstalled(packages: readonly string[], debian: boolean): Error {
  const names = packages.join(' ');
  return new Error(
    `To be installed first: ${packages.join(' and ')}.\n\n  ${installCommand(names, debian)}\n`,
  );
}

function installCommand(names: string, debian: boolean): string {
  if (debian) return `sudo apt-get update && sudo apt-get install --yes ${names}`;
  if (process.platform === 'darwin') return `brew install ${names.replace('redis-server', 'redis')}`;
  return `sudo dnf install ${names.replace('redis-server', 'redis')}   # or your system’s packages of them`;
}

async function onPath(program: string): Promise<boolean> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (await succeeds(access(join(folder, program), constants.X_OK))) return true;
  }
  return false;
}

function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}

/**
 * Runs the work while no package may start its service. A policy that stands already is kept. Ctrl-C
 * ends apt-get and not this process, so that the policy goes again.
 */
async function withoutServiceStart(work: () => Promise<void>): Promise<void> {
  let ours = true;
  try {
    await writeFile(policyFile, forbidStart, { mode: 0o755, flag: 'wx' });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    ours = false;
  }
  const carryOn = (): void => {};
  process.on('SIGINT', carryOn);
  try {
    await work();
  } finally {
    process.off('SIGINT', carryOn);
    if (ours) await rm(policyFile, { force: true });
  }
}

/** @returns whether it did it */
async function apt(...args: string[]): Promise<boolean> {
  const child = spawn('apt-get', ['--quiet', ...args], {
    // RUNLEVEL=1 keeps a service down where a standing policy would let it start.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: ['ignore', 2, 2],
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await ensureTestServices();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
