import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Sql } from 'postgres';
import { connectPostgres } from '../../lib/database/connect.js';
import type { Account } from '../../lib/database/embedded/launcher.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../lib/database/embedded-postgres.js';
import type { Teardown } from './services.js';

const script = fileURLToPath(new URL('./embedded-postgres-process.js', import.meta.url));

/** Starts the embedded PostgreSQL in this process. `log` collects its lines. */
export async function start(t: Teardown, dataDir: string, log: string[] = []): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, log: (line) => log.push(line), durable: false });
  t.teardown(() => server.stop());
  return server;
}

/** A client for one test. */
export function connect(t: Teardown, url: string): Sql {
  const sql = connectPostgres(url, { max: 1, onnotice: () => {} });
  t.teardown(() => sql.end({ timeout: 0 }));
  return sql;
}

/** A process that started the embedded PostgreSQL, or tries to. */
export interface Elsewhere {
  readonly child: ChildProcess;
  readonly outcome: Promise<{ url: string; pid: number; error?: never } | { error: string; url?: never }>;
}

/**
 * Starts the embedded PostgreSQL in another process, durable, so that it may be killed. `account` is
 * whom root runs that process as.
 */
export function startElsewhere(t: Teardown, dataDir: string, account?: Account): Elsewhere {
  const args = account ? [...becoming(account), process.execPath, script, dataDir] : [script, dataDir];
  const child = spawn(account ? 'setpriv' : process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  t.teardown(async () => {
    child.stdin.end();
    await exit;
  });
  const outcome = once(createInterface({ input: child.stdout }), 'line').then(([line]) => JSON.parse(line));
  return { child, outcome };
}

/** The arguments of setpriv. The project may lie in a folder of root's: then the account may pass it. */
function becoming({ uid, gid }: Account): string[] {
  const become = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  if (spawnSync('test', ['-r', script], { uid, gid }).status === 0) return become;
  return [
    ...become,
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ];
}

/** The same for a start that has to work. @throws Error when it did not */
export async function startedElsewhere(
  t: Teardown,
  dataDir: string,
): Promise<{ child: ChildProcess; url: string; pid: number }> {
  const { child, outcome } = startElsewhere(t, dataDir);
  const result = await outcome;
  if (result.error !== undefined) throw new Error(result.error);
  return { child, ...result };
}

/** Kills a process the hard way and waits for its end. */
export async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
