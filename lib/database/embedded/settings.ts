import { join } from 'node:path';
import { memoryLimitBytes } from '../../memory-limit.js';
import { fitsSocket } from '../connect.js';
import { readIfAny } from './files.js';

const BYTES_A_MEGABYTE = 1024 * 1024;

/**
 * The server's settings as `postgres` takes them on its command line: modest for a small machine, and
 * reachable by a socket in its folder, where its path is not too long for one, and over 127.0.0.1.
 *
 * @param durable false is for tests: it turns off what guards against a power cut, and many services share it
 */
export function serverSettings(folder: string, port: number, durable: boolean): string[] {
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: fitsSocket(folder) ? folder : '',
    max_connections: '200',
    shared_buffers: `${bufferMegabytes()}MB`,
    jit: 'off',
    // A page that is not the next one is as near: what is read often lies in memory, and disks no longer turn.
    random_page_cost: '1.1',
    // More of them make guessing slow, and connecting: our password is not one to be guessed.
    scram_iterations: '1',
    // Notices within a second that the reader of a long export has gone.
    client_connection_check_interval: '1s',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_messages: 'warning',
    log_checkpoints: 'off',
    ...(!durable && {
      fsync: 'off',
      full_page_writes: 'off',
      synchronous_commit: 'off',
      max_connections: '500',
    }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** An eighth of the memory, as most of it is for pixels: 128 MB, PostgreSQL's own default, to 512 MB. */
function bufferMegabytes(): number {
  return Math.floor(Math.min(512, Math.max(128, memoryLimitBytes() / 8 / BYTES_A_MEGABYTE)));
}

/** The port of the cluster's last start, 0 before the first: PostgreSQL notes its own command line. */
export async function lastPort(folder: string): Promise<number> {
  const commandLine = await readIfAny(join(folder, 'postmaster.opts'));
  return Number(commandLine?.match(/"port=(\d+)"/)?.[1] ?? 0);
}
