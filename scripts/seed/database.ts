import { realpath } from 'node:fs/promises';
import type { Config } from '../../lib/config.js';
import { clusterFolder, clusterUrl, readPassword } from '../../lib/database/embedded/cluster.js';
import { findOwner } from '../../lib/database/embedded/owner.js';
import { readPostmaster } from '../../lib/database/embedded/postmaster.js';
import { startEmbeddedPostgres } from '../../lib/database/embedded-postgres.js';
import { systemErrorCode } from '../../lib/errors.js';

/** A database to work on, and what lets it go. */
export interface OpenedDatabase {
  readonly url: string;
  /** The same as the superuser, where it is ours to be: the embedded one. */
  readonly superuserUrl?: string;
  readonly close: () => Promise<void>;
}

/**
 * The database that the configuration names: the one of DATABASE_URL, or the embedded one, which is
 * started here unless a Halftone that runs has it already; then that one is used as it is.
 */
export async function openConfigured(
  config: Pick<Config, 'databaseUrl' | 'dataDir'>,
): Promise<OpenedDatabase> {
  if (config.databaseUrl !== undefined) return { url: config.databaseUrl, close: async () => undefined };
  const url = await runningUrl(`${config.dataDir}/postgres`);
  if (url !== undefined) return { url, superuserUrl: asSuperuser(url), close: async () => undefined };
  const embedded = await startEmbeddedPostgres({
    dataDir: `${config.dataDir}/postgres`,
    log: () => undefined,
  });
  return { url: embedded.url, superuserUrl: asSuperuser(embedded.url), close: () => embedded.stop() };
}

/** All roles of the embedded PostgreSQL have one password. */
function asSuperuser(url: string): string {
  const changed = new URL(url);
  changed.username = 'postgres';
  return changed.href;
}

/** Where the embedded PostgreSQL of a Halftone that runs is reached; undefined where none does. */
async function runningUrl(dataDir: string): Promise<string | undefined> {
  try {
    const folder = clusterFolder(await realpath(dataDir));
    const server = await readPostmaster(folder);
    if (server?.status !== 'ready') return undefined;
    const password = await readPassword(folder);
    const owner = await findOwner(server.port, password);
    if (typeof owner === 'string') return undefined;
    return clusterUrl({ folder, password }, server.port);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
