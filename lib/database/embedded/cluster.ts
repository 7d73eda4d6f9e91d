import { randomBytes } from 'node:crypto';
import { chown, lchown, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../../errors.js';
import { fitsSocket } from '../connect.js';
import type { ServerBinaries } from './binaries.js';
import { statIfAny } from './files.js';
import { type Account, finished, type Launcher } from './launcher.js';

/** A database cluster on disk: one folder that holds all of it, the password too. */
export interface Cluster {
  /** The server's data folder: absolute, links resolved. */
  readonly folder: string;
  /** The password of its roles, of URL-safe characters. */
  readonly password: string;
}

/** What {@link openCluster} works with. */
export interface ClusterOptions {
  readonly binaries: ServerBinaries;
  readonly launcher: Launcher;
  /** False skips fsync, for clusters that need not outlive a power cut. */
  readonly durable: boolean;
}

/** The database that Halftone works with, and the role that owns it. */
export const DATABASE = 'halftone';

// Inside the cluster, so that a cluster is there with its password or not at all.
const PASSWORD_FILE = 'halftone.password';
const initPrefix = 'init-';
const staleInitMs = 10 * 60_000;

/** Where the cluster lies below the folder of the data. */
export function clusterFolder(dataDir: string): string {
  return join(dataDir, 'cluster');
}

/**
 * How the server of a cluster is reached: by its socket, which costs a quarter less than a connection over TCP
 * for each question and answer, or by that where it has none.
 */
export function clusterUrl({ folder, password }: Cluster, port: number): string {
  const host = fitsSocket(folder) ? encodeURIComponent(folder) : '127.0.0.1';
  return `postgres://${DATABASE}:${password}@${host}:${port}/${DATABASE}`;
}

/** The password of a cluster that is there. */
export async function readPassword(folder: string): Promise<string> {
  return (await readFile(join(folder, PASSWORD_FILE), 'utf8')).trim();
}

/**
 * Opens the cluster below `dataDir`, and makes it on the first start. It is initialised in a
 * temporary folder and renamed when it is whole, so a start that is cut off leaves nothing that the
 * next one could take for a database.
 *
 * @throws Error with initdb's words when it fails
 */
export async function openCluster(dataDir: string, options: ClusterOptions): Promise<Cluster> {
  const folder = clusterFolder(dataDir);
  if (!(await statIfAny(folder))) await initialise(dataDir, folder, options);
  const { account } = options.launcher;
  if (account && (await stat(folder)).uid !== account.uid) await giveTo(account, folder);
  return { folder, password: await readPassword(folder) };
}

async function initialise(
  dataDir: string,
  folder: string,
  { binaries, launcher, durable }: ClusterOptions,
): Promise<void> {
  await removeStale(dataDir);
  const work = await mkdtemp(join(dataDir, initPrefix));
  try {
    const secret = join(work, 'password');
    const draft = join(work, 'cluster');
    await writeSecret(secret, randomBytes(24).toString('base64url'));
    if (launcher.account) await giveTo(launcher.account, work);
    await runInitdb(binaries, launcher, [
      `--pgdata=${draft}`,
      `--pwfile=${secret}`,
      ...(durable ? [] : ['--no-sync']),
    ]);
    await rename(secret, join(draft, PASSWORD_FILE));
    if (durable) await syncFolder(draft);
    await rename(draft, folder);
    if (durable) await syncFolder(dataDir);
  } catch (error) {
    // Another start was faster: its cluster is as good as ours.
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function runInitdb(
  binaries: ServerBinaries,
  launcher: Launcher,
  args: readonly string[],
): Promise<void> {
  const { code, stderr } = await finished(
    launcher.launch(binaries.initdb, [
      ...args,
      '--username=postgres',
      // Every local user can reach the port, so everybody needs the password.
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      '--no-instructions',
    ]),
  );
  if (code !== 0) throw new Error(`PostgreSQL's initdb failed: ${stderr || `it ended with ${code}`}`);
}

async function writeSecret(path: string, secret: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${secret}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes what cut-off starts left. A young folder may belong to a start that is under way. */
async function removeStale(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith(initPrefix)) continue;
    const path = join(dataDir, name);
    const facts = await statIfAny(path);
    if (facts && Date.now() - facts.mtimeMs > staleInitMs) await rm(path, { recursive: true, force: true });
  }
}

/** Gives a folder and all in it to an account: a restored backup may belong to root. */
async function giveTo({ uid, gid }: Account, folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true })) await lchown(join(folder, entry), uid, gid);
  await chown(folder, uid, gid);
}
