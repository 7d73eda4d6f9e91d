import { type ForkOptions, spawnSync } from 'node:child_process';
import type { Logger } from '../lib/logger.js';

const SHELL = '/bin/sh';

/**
 * How a process of ours is forked under a limit of its memory: through a shell, which sets RLIMIT_DATA and
 * then becomes Node. It bounds what is really taken, by V8, libvips and WebAssembly alike: writable memory
 * of the process's own. RLIMIT_AS would count what V8 and WebAssembly only reserve, hundreds of gigabytes.
 * What asks for more gets none: libvips and V8 then fail or end the process, and the machine lives on.
 *
 * @param limitMb MiB; 0 is none
 * @param execArgv what Node is started with
 * @returns no limit where the system sets none, which is logged
 */
export function memoryLimiter(
  limitMb: number,
  execArgv: readonly string[],
  log: Logger,
): Pick<ForkOptions, 'execPath' | 'execArgv'> {
  const unlimited = { execArgv: [...execArgv] };
  if (limitMb === 0) return unlimited;
  const kib = String(limitMb * 1024);
  if (process.platform !== 'linux' || !setsLimit(kib)) {
    log.warn({ limitMb }, 'this system does not limit the memory of the worker process');
    return unlimited;
  }
  return {
    execPath: SHELL,
    execArgv: ['-c', 'ulimit -d "$1" && shift && exec "$@"', SHELL, kib, process.execPath, ...execArgv],
  };
}

function setsLimit(kib: string): boolean {
  return spawnSync(SHELL, ['-c', 'ulimit -d "$1"', SHELL, kib], { stdio: 'ignore' }).status === 0;
}
