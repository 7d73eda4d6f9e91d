import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Service, ServiceOptions } from './service.js';
import { type Teardown, temporaryFolder } from './services.js';

/** A store on a disk that is soon full. */
export interface SmallDisk {
  /** What to start the service with. */
  readonly options: Pick<ServiceOptions, 'dataDir' | 'launcher'>;
  /** The data folder as the service sees it. */
  dataDir(service: Service): string;
  /** Leaves no byte free. `pids` are the processes that write. */
  fill(service: Service, pids: readonly number[]): Promise<void>;
  free(service: Service, pids: readonly number[]): Promise<void>;
}

const MIB = 1024 * 1024;

/**
 * Gives a service a little to store in, 2 MiB unless told: a file system in memory that only its processes see, which goes
 * with them. Where the system allows no mount, the limit on the size of a file stands in for it.
 */
export async function smallDisk(t: Teardown, bytes = 2 * MIB): Promise<SmallDisk> {
  const dataDir = await temporaryFolder(t);
  const store = join(dataDir, 'store');
  mkdirSync(store);
  const mount = `mount -t tmpfs -o size=${bytes} tmpfs '${store}' && exec "$@"`;
  const launchers = [['--mount'], ['--mount', '--user', '--map-root-user']].map((flags) => [
    'unshare',
    ...flags,
    'sh',
    '-c',
    mount,
    'sh',
  ]);
  const launcher = launchers.find(
    ([program = '', ...args]) => spawnSync(program, [...args, 'true']).status === 0,
  );
  return launcher ? mounted(dataDir, launcher, bytes) : limited(dataDir, bytes);
}

function mounted(dataDir: string, launcher: readonly string[], bytes: number): SmallDisk {
  const seen = ({ pid }: Service): string => join(`/proc/${pid}/root`, dataDir);
  const filler = (service: Service): string => join(seen(service), 'store', 'filler');
  return {
    options: { dataDir, launcher },
    dataDir: seen,
    fill: async (service) => {
      const file = await open(filler(service), 'w');
      try {
        for (let written = 0; written <= bytes; )
          written += (await file.write(Buffer.alloc(4096, 1))).bytesWritten;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      } finally {
        await file.close();
      }
    },
    free: (service) => rm(filler(service)),
  };
}

function limited(dataDir: string, bytes: number): SmallDisk {
  const limit = (pids: readonly number[], size: number | 'unlimited'): void => {
    for (const pid of pids) {
      const { status, stderr } = spawnSync('prlimit', [`--pid=${pid}`, `--fsize=${size}:`], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`prlimit: ${stderr}`);
    }
  };
  return {
    options: { dataDir, launcher: ['prlimit', `--fsize=${bytes}:`] },
    dataDir: () => dataDir,
    fill: async (_service, pids) => limit(pids, 0),
    free: async (_service, pids) => limit(pids, 'unlimited'),
  };
}
