import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { systemErrorCode } from '../../errors.js';

/** The facts of a file or folder, or undefined where there is none. */
export function statIfAny(path: string): Promise<Stats | undefined> {
  return unlessMissing(stat(path));
}

/** The text of a file, or undefined where there is none. */
export function readIfAny(path: string): Promise<string | undefined> {
  return unlessMissing(readFile(path, 'utf8'));
}

async function unlessMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    // ESRCH: a file of /proc whose process ended while it was read.
    if (['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}
