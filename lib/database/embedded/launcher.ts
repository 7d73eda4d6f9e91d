import { type ChildProcess, spawn } from 'node:child_process';
import { chown, readFile } from 'node:fs/promises';
import type { ServerBinaries } from './binaries.js';
import { statIfAny } from './files.js';

/** The account a server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** How the server's programs are started on this machine. */
export interface Launcher {
  /** Who owns the cluster's files; undefined where that is simply the account of this process. */
  readonly account: Account | undefined;
  /**
   * Starts a program with its stderr piped. `detached` puts it in a session of its own, where the
   * Ctrl-C of a terminal does not reach it.
   */
  launch(program: string, args: readonly string[], options?: { detached?: boolean }): ChildProcess;
}

/**
 * Finds out how to run the server. PostgreSQL refuses to run as root, so root hands it to the
 * account that owns the cluster, else to `postgres`, else to `nobody`. That account may not be able
 * to enter the folders of the project or of the data (`/root`, `mktemp -d`): then `setpriv`
 * (util-linux) gives the server the one capability that lets it pass, CAP_DAC_OVERRIDE.
 *
 * @param folder the folder of the data; it is given to the account
 * @throws Error that says what to do when no way works
 */
export async function chooseLauncher(
  binaries: ServerBinaries,
  folder: string,
  clusterFolder: string,
): Promise<Launcher> {
  if (process.getuid?.() !== 0) return firstWorking([launcher([], undefined)], binaries, folder);
  const account = (await ownerOf(clusterFolder)) ?? (await unprivilegedAccount());
  await chown(folder, account.uid, account.gid);
  return firstWorking([launcher([], account), launcher(setpriv(account), account)], binaries, folder);
}

function setpriv({ uid, gid }: Account): string[] {
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ];
}

function launcher(prefix: readonly string[], account: Account | undefined): Launcher {
  return {
    account,
    launch(program, args, { detached = false } = {}) {
      const [command = program, ...rest] = [...prefix, program, ...args];
      return spawn(command, rest, {
        ...(prefix.length === 0 && account),
        detached,
        cwd: '/',
        // Not the environment of this process: PGDATA, PGPORT, locale and the like would leak in.
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
    },
  };
}

async function firstWorking(
  ways: readonly Launcher[],
  binaries: ServerBinaries,
  folder: string,
): Promise<Launcher> {
  const complaints = new Set<string>();
  for (const way of ways) {
    const complaint = await tryOut(way, binaries, folder);
    if (complaint === undefined) return way;
    complaints.add(complaint);
  }
  const account = ways[0]?.account;
  throw new Error(
    `The embedded PostgreSQL cannot run here${account ? ` as user ${account.uid} (it refuses to run as root)` : ''}: ` +
      `${[...complaints].join('; ')}. It must reach ${binaries.postgres} and write to ${folder}. ` +
      'Move the project or DATA_DIR to where it can, start Halftone as an ordinary user, ' +
      'or set DATABASE_URL to a PostgreSQL server.',
  );
}

/** Tries what the server will need; returns what went wrong. */
async function tryOut(way: Launcher, binaries: ServerBinaries, folder: string): Promise<string | undefined> {
  const script = 'cd "$1" && test -w . && test -r "$2" && exec "$3" --version';
  const args = ['-c', script, 'sh', folder, binaries.template, binaries.postgres];
  const { code, stderr } = await finished(way.launch('/bin/sh', args));
  return code === 0 ? undefined : stderr || 'permission denied';
}

/** Waits for a program's end. A program that cannot be started counts as failed. */
export function finished(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', (error) => resolve({ code: null, stderr: error.message }));
    child.once('close', (code) => resolve({ code, stderr: stderr.trim() }));
  });
}

/** The owner of a folder that exists and is not root's. */
async function ownerOf(folder: string): Promise<Account | undefined> {
  const facts = await statIfAny(folder);
  return facts && facts.uid !== 0 ? { uid: facts.uid, gid: facts.gid } : undefined;
}

async function unprivilegedAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((fields) => fields[0] === name) ?? [];
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and this machine has neither a user "postgres" nor "nobody": ' +
      'start Halftone as an ordinary user, or set DATABASE_URL to a PostgreSQL server.',
  );
}
