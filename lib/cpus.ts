import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * How many CPUs this process may use: the fewer of those it may run on and those its cgroup's quota
 * pays for, at least 1. Node 20 knows only the first.
 */
export function availableCpus(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(quotaOf(readCgroup()))));
}

/** The CPUs that a cgroup v2 `cpu.max` ("200000 100000", "max 100000") pays for; Infinity where it sets no limit. */
export function quotaOf(cpuMax: string): number {
  const [quota = 'max', period = '100000'] = cpuMax.trim().split(/\s+/);
  const cpus = Number(quota) / Number(period);
  return quota === 'max' || !Number.isFinite(cpus) || cpus <= 0
    ? Number.POSITIVE_INFINITY
    : Math.max(1, cpus);
}

function readCgroup(): string {
  try {
    return readFileSync('/sys/fs/cgroup/cpu.max', 'utf8');
  } catch {
    return 'max';
  }
}
