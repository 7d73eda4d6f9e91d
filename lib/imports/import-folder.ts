import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { Problem, systemErrorCode } from '../errors.js';
import { OPERATORS_TENANT } from '../keys/caller.js';

/** What speaks against a path, as can be seen without looking: the end of a sentence. Undefined: nothing. */
export function pathFault(path: string): string | undefined {
  if (path.startsWith('/') || path.includes('\\')) return 'is not one below the import folder';
  return path.split('/').includes('..') ? 'leads out of the import folder' : undefined;
}

/**
 * The import folder as a tenant sees it: the operators' tenant sees all of it, every other one the folder of
 * its name there. Its paths begin in it, and lead nowhere else.
 *
 * @param folder `IMPORT_FOLDER`
 */
export function importFolderOf(folder: string | undefined, tenantId: string): string | undefined {
  return folder === undefined || tenantId === OPERATORS_TENANT ? folder : join(folder, tenantId);
}

/**
 * Opens a file below the import folder. Where it really is decides, links resolved: one that leads out of
 * the folder is refused. The folder is the operator's; who can write there while this looks could also put
 * the file itself there.
 *
 * @throws Problem PATH_NOT_ALLOWED or PATH_NOT_FOUND (422)
 */
export async function openInFolder(folder: string | undefined, path: string): Promise<Readable> {
  const fault = folder === undefined ? 'is refused: no import folder is set up here' : pathFault(path);
  if (folder === undefined || fault !== undefined)
    throw new Problem('PATH_NOT_ALLOWED', `The path ${fault}.`);
  const real = await located(join(folder, path));
  if (!real.startsWith(join(await located(folder), sep)))
    throw new Problem('PATH_NOT_ALLOWED', 'The path leads out of the import folder.');
  // Not followed and not waited for: by now it might be a link or a pipe.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(real, flags).catch(notFound);
  const isFile = await file.stat().then((found) => found.isFile());
  if (isFile) return file.createReadStream();
  await file.close();
  throw new Problem('PATH_NOT_FOUND', 'The path leads to no file.');
}

function located(path: string): Promise<string> {
  return realpath(path).catch(notFound);
}

function notFound(cause: unknown): never {
  const code = systemErrorCode(cause);
  if (code === undefined || !/^(ENOENT|ENOTDIR|EACCES|ELOOP|ENAMETOOLONG|ENXIO)$/.test(code)) throw cause;
  throw new Problem('PATH_NOT_FOUND', 'There is no file of this path in the import folder.', { cause });
}
