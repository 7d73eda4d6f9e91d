import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { access, constants, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemErrorCode } from '../lib/errors.js';

// Debian asks this script before it starts a service; 101 forbids it.
const policyFile = '/usr/sbin/policy-rc.d';
const forbidStart = '#!/bin/sh\nexit 101\n';

/**
 * Makes sure that what the tests run against is there: `redis-server` (PostgreSQL comes with npm).
 * Root on a Debian gets it installed, without the system's own Redis being started.
 *
 * @throws Error with the command to type where it cannot be installed from here
 */
export async function ensureTestServices(): Promise<void> {
  if (await onPath('redis-server')) return;
  const debian = await onPath('apt-get');
  if (!debian || process.getuid?.() !== 0) {
    throw new Error(`The tests need redis-server. Install it with:\n\n  ${installCommand(debian)}\n`);
  }
  console.error('Installing redis-server for the tests …');
  await withoutServiceStart(async () => {
    await apt('update');
    await apt('install', '--yes', '--no-install-recommends', 'redis-server');
  });
}

function installCommand(debian: boolean): string {
  if (debian) return 'sudo apt-get update && sudo apt-get install --yes redis-server';
  if (process.platform === 'darwin') return 'brew install redis';
  return 'sudo dnf install redis   # or your system’s package of Redis or Valkey that has redis-server';
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

async function apt(...args: string[]): Promise<void> {
  const child = spawn('apt-get', ['--quiet', ...args], {
    // RUNLEVEL=1 keeps a service down where a standing policy would let it start.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: ['ignore', 2, 2],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) {
    throw new Error(
      `apt-get ${args[0]} failed. Install redis-server yourself:\n\n  ${installCommand(true)}\n`,
    );
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await ensureTestServices();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
