import { totalmem } from 'node:os';

/** How many bytes the processes of this container, or of this machine where there is no limit, may use. */
export function memoryLimitBytes(): number {
  // 0 where the cgroup sets none, and some kernels answer "none" with a number beyond all memory.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
