import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../lib/database/embedded/free-port.js';

const maxAttempts = 5;
const pollMs = 10;

/** A redis-server process of our own. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port; kills it first where it runs. */
  restart(): Promise<void>;
  /** Freezes it: connections stay open and nothing answers. */
  pause(): void;
  /** Lets a frozen one go on. */
  resume(): void;
}

/**
 * Starts a redis-server on a free port of 127.0.0.1, set up as Halftone wants it.
 *
 * @param folder where it keeps its files
 * @param persistent keeps every write on disk, so that it survives a restart; else it comes back empty
 * @throws Error when redis-server is missing or does not start
 */
export async function startRedisServer(folder: string, persistent = false): Promise<RedisServer> {
  const start = (port: number): Promise<ChildProcess> => launch(port, folder, persistent);
  let port = 0;
  let child: ChildProcess | undefined;
  for (let attempt = 1; !child; attempt++) {
    port = await freePort();
    // Somebody may take the port first.
    child = await start(port).catch((error: unknown) => {
      if (attempt === maxAttempts) throw error;
      return undefined;
    });
  }
  let current = child;
  const kill = async (): Promise<void> => {
    if (current.exitCode !== null || current.signalCode !== null) return;
    const exit = once(current, 'exit');
    current.kill('SIGKILL');
    await exit;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    kill,
    restart: async () => {
      await kill();
      current = await start(port);
    },
    pause: () => void current.kill('SIGSTOP'),
    resume: () => void current.kill('SIGCONT'),
  };
}

async function launch(port: number, folder: string, persistent: boolean): Promise<ChildProcess> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: persistent ? 'yes' : 'no',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    loglevel: 'warning',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  // A session of its own: the Ctrl-C that ends a test run must not end it before its clients.
  const child = spawn('redis-server', args, { stdio: 'ignore', detached: true });
  await once(child, 'spawn');
  while (!(await answers(port, child.pid))) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with exit code ${child.exitCode}`);
    await delay(pollMs);
  }
  return child;
}

/** Whether this very process answers: a stranger's Redis may have taken the port. */
function answers(port: number, pid: number | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO server\r\n'));
    socket.once('data', (reply) => {
      resolve(reply.toString().includes(`\nprocess_id:${pid}\r`));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
