import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { readPostmaster, stopServer } from './postmaster.js';

const keptLines = 10;
const drainMs = 200;
const pollMs = 20;
// Recovery from a crash replays a gigabyte of WAL at most, and a slow disk takes minutes for that.
const readyTimeoutMs = 5 * 60_000;

/** A server that this process started. */
export class ServerProcess {
  /** Resolves when the process has ended, with how it ended and its last words. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #end: string | undefined;

  /**
   * @param folder the cluster's folder
   * @param log takes each line of the server's log
   */
  constructor(child: ChildProcess, folder: string, log: (line: string) => void) {
    this.#child = child;
    this.#folder = folder;
    const lines: string[] = [];
    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        log(line);
        lines.push(line);
        if (lines.length > keptLines) lines.shift();
      });
    }
    this.ended = endOf(child).then((how) => {
      this.#end = [`PostgreSQL ${how}`, ...lines].join('\n  ');
      return this.#end;
    });
  }

  /**
   * Waits until the server takes connections. Its own status file tells, so its port is surely its own.
   *
   * @returns the server's process id
   * @throws Error with the server's last words when it ends instead
   */
  async ready(): Promise<number> {
    for (const deadline = Date.now() + readyTimeoutMs; Date.now() < deadline; await delay(pollMs)) {
      if (this.#end !== undefined) throw new Error(this.#end);
      const state = await readPostmaster(this.#folder);
      if (state && state.pid === this.#child.pid && state.status === 'ready') return state.pid;
    }
    throw new Error(`PostgreSQL did not start within ${readyTimeoutMs / 1000} s`);
  }

  /** Stops the server, if it runs still. */
  async stop(): Promise<void> {
    const { pid } = this.#child;
    if (pid !== undefined && this.#end === undefined) await stopServer(this.#folder, pid);
    await this.ended;
  }
}

async function endOf(child: ChildProcess): Promise<string> {
  const how = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`did not start: ${error.message}`));
    child.once('exit', (code, signal) => resolve(`ended (${signal ?? `exit code ${code}`})`));
  });
  // The last lines may still be in the pipe; backends that outlive a killed server keep it open.
  if (child.pid !== undefined) await Promise.race([once(child, 'close'), delay(drainMs)]);
  return how;
}
