import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from '../errors.js';

/** Waits until what is written to a file, or which names a folder holds, would survive a power cut. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder with its parents, each of them durable. One that is there already costs one call. */
export async function makeFolder(path: string): Promise<void> {
  await syncAll(await makeFolders(path));
}

/** Makes a folder with its parents. @returns the folders that name the new ones: those to sync */
async function makeFolders(path: string): Promise<string[]> {
  const first = await mkdir(path, { recursive: true });
  const naming = [];
  if (first !== undefined)
    for (let folder = path; folder.length >= first.length; folder = dirname(folder))
      naming.push(dirname(folder));
  return naming;
}

/** At once: what waits together is mostly one commit of the file system's journal. */
async function syncAll(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map(sync));
}

/**
 * Moves a file to where it belongs, durably. The folder is mostly there, so it is made only when the
 * move finds it missing; that also serves when someone removes the empty folder at that moment.
 *
 * @param synced the file's own bytes are on the disk already
 */
export async function moveDurably(from: string, to: string, synced: boolean): Promise<void> {
  if (!synced) await sync(from);
  let naming: string[] = [];
  try {
    await rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    naming = await makeFolders(dirname(to));
    await rename(from, to);
  }
  await syncAll([dirname(to), ...naming]);
}
