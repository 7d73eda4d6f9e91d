import { writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { systemErrorCode } from './errors.js';

/** Linux lets those who do not administer it change one group in 100 ms, all of them together. */
const AGAIN_MS = 110;
const ATTEMPTS = 20;

/**
 * Has a process that leads a session of its own, as every backend of PostgreSQL does, take the CPU after
 * others. Its nice value alone would not: Linux shares the CPU between sessions first ("autogroups",
 * sched(7)), and a nice value only counts within one. Where the system does not let us, it stays as it is.
 *
 * @param nice 0 to 19; the higher, the later
 */
export async function standBack(pid: number, nice: number): Promise<void> {
  try {
    setPriority(pid, nice);
    for (let attempt = 1; !(await lowersGroup(pid, nice)) && attempt < ATTEMPTS; attempt++)
      await delay(AGAIN_MS, undefined, { ref: false });
  } catch {
    // It has ended, is not ours, or this system knows no such groups.
  }
}

async function lowersGroup(pid: number, nice: number): Promise<boolean> {
  try {
    await writeFile(`/proc/${pid}/autogroup`, String(nice), { flag: 'r+' });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EAGAIN') return false;
    throw error;
  }
}
