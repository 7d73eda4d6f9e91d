import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemErrorCode } from '../../errors.js';
import type { Cluster } from './cluster.js';
import { readIfAny } from './files.js';
import { findOwner } from './owner.js';

const pollMs = 25;
const fastStopMs = 10_000;
const immediateStopMs = 10_000;
const evictionMs = 60_000;

/** What a running server writes into its `postmaster.pid`. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  readonly status: 'starting' | 'stopping' | 'ready' | 'standby' | '';
}

/** Reads a cluster's `postmaster.pid`, whether or not its process still lives. */
export async function readPostmaster(folder: string): Promise<Postmaster | undefined> {
  const lines = (await readIfAny(join(folder, 'postmaster.pid')))?.split('\n').map((line) => line.trim());
  const [pid, , , port] = lines ?? [];
  if (!pid) return undefined;
  const status = (['starting', 'stopping', 'ready', 'standby'] as const).find((name) => name === lines?.[7]);
  return { pid: Number(pid), port: Number(port), status: status ?? '' };
}

/**
 * Makes sure that no server runs on the cluster. One whose Halftone was killed is stopped (its
 * committed data is safe); one that is stopping is waited for. A `postmaster.pid` whose number went to
 * another process is removed, because PostgreSQL takes any process of its own account for a server.
 *
 * @throws Error when the server's Halftone is alive, or the server will not stop
 */
export async function clearCluster(cluster: Cluster, log: (line: string) => void): Promise<void> {
  const deadline = Date.now() + evictionMs;
  for (let found = await findServer(cluster.folder); found; found = await findServer(cluster.folder)) {
    const owner = found.status === 'ready' ? await findOwner(found.port, cluster.password) : 'unknown';
    if (owner === 'none') {
      log(`stopping the PostgreSQL (process ${found.pid}) that an earlier Halftone left behind`);
      await stopServer(cluster.folder, found.pid);
    } else if (owner !== 'unknown') {
      throw new Error(
        `Another Halftone (${owner.name}) is running on ${cluster.folder}. ` +
          'Stop it first, or give this one a DATA_DIR of its own.',
      );
    } else if (Date.now() > deadline) {
      throw new Error(
        `A PostgreSQL (process ${found.pid}) runs on ${cluster.folder}, but does not answer. Stop that process first.`,
      );
    }
    await delay(pollMs);
  }
}

async function findServer(folder: string): Promise<Postmaster | undefined> {
  const found = await readPostmaster(folder);
  if (!found) return undefined;
  if (await isServer(folder, found.pid)) return found;
  if (signalProcess(found.pid, 0)) {
    // Another process has the number. Read again: a new server may have put its own file there.
    const again = await readPostmaster(folder);
    if (again?.pid === found.pid) await rm(join(folder, 'postmaster.pid'), { force: true });
  }
  return undefined;
}

/**
 * Stops the server of a cluster: a fast shutdown, and after ten seconds an immediate one, from which
 * the next start recovers.
 *
 * @throws Error when it is alive still
 */
export async function stopServer(folder: string, pid: number): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGINT', fastStopMs],
    ['SIGQUIT', immediateStopMs],
  ] as const) {
    if (!(await isServer(folder, pid))) return;
    signalProcess(pid, signal);
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await delay(pollMs)) {
      if (!(await isServer(folder, pid))) return;
    }
  }
  throw new Error(`The PostgreSQL of ${folder} (process ${pid}) does not stop.`);
}

/** Whether a process is the main process of the cluster's server, and not another with its number. */
async function isServer(folder: string, pid: number): Promise<boolean> {
  return (await commandLine(pid)).includes(`postgres -D ${folder} `);
}

/** A process's program and arguments; empty when it ended or is a zombie. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    return (await readIfAny(`/proc/${pid}/cmdline`))?.replaceAll('\0', ' ') ?? '';
  }
  const ps = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(
    () => undefined,
  );
  return ps?.stdout ?? '';
}

/** Signals a process. @returns whether it was there */
function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ESRCH') return false;
    // Somebody else's process: it is there, and only the question was free.
    if (code === 'EPERM' && signal === 0) return true;
    throw error;
  }
}
