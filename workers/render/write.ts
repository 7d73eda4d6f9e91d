import { open } from 'node:fs/promises';
import { systemErrorCode } from '../../lib/errors.js';

/** Writes a file whose bytes would survive a power cut: what moves it to its place need not sync it again. */
export async function writeSynced(path: string, data: Uint8Array): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await handle.writeFile(data);
    await handle.sync().catch(unlessPipe);
  } finally {
    await handle.close();
  }
}

/** A pipe has no disk to be synced to. */
function unlessPipe(error: unknown): void {
  if (systemErrorCode(error) !== 'EINVAL') throw error;
}
