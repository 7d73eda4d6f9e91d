import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type LockedPackage, lockFaults, packagesOf, readLock } from './dependencies/lock.js';
import { audit, publishedAt } from './dependencies/registry.js';

const DAY_MS = 86_400_000;
/** As `min-release-age` of .npmrc. */
const LEAST_DAYS = 7;
const USAGE = `npm run check:dependencies -- [options]
  --since REF  ages of the packages that are new since this commit  (HEAD)
  --direct     ages of what package.json names, too`;

/**
 * `npm run check:dependencies`: the lock file by itself; then, as far as the registry answers, that no
 * package that is new here was published less than a week ago, and what `npm audit` knows. Exit code 1 for
 * what is wrong; what could not be asked is said, and is no pass.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { since: { type: 'string', default: 'HEAD' }, direct: { type: 'boolean', default: false } },
  });
  const packages = await readLock(new URL('../../package-lock.json', import.meta.url));
  const faults = lockFaults(packages);
  console.log(`lock file: ${packages.length} packages, ${faults.length} faults`);
  faults.push(...(await youngOnes(asked(packages, values.since, values.direct))));
  faults.push(...(await vulnerabilities()));
  for (const fault of faults) console.error(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

/** Whose age is asked for: each version once. */
function asked(packages: readonly LockedPackage[], since: string, direct: boolean): LockedPackage[] {
  const nameOf = ({ name, version }: LockedPackage): string => `${name}@${version}`;
  const known = new Set(lockAt(since).map(nameOf));
  const isDirect = ({ path }: LockedPackage): boolean => path.lastIndexOf('node_modules/') === 0;
  const wanted = packages.filter(
    (each) => each.integrity !== undefined && (!known.has(nameOf(each)) || (direct && isDirect(each))),
  );
  return [...new Map(wanted.map((each) => [nameOf(each), each])).values()];
}

/** @throws Error where git does not know the commit */
function lockAt(ref: string): LockedPackage[] {
  const cwd = fileURLToPath(new URL('../../', import.meta.url));
  const { status, stdout, stderr } = spawnSync('git', ['show', `${ref}:package-lock.json`], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`git show ${ref}: ${stderr}\n${USAGE}`);
  return packagesOf(stdout);
}

/** @returns those that are too young: a line each */
async function youngOnes(packages: readonly LockedPackage[]): Promise<string[]> {
  const faults: string[] = [];
  const unknown: string[] = [];
  for (const { name, version } of packages) {
    const published = await publishedAt(name, version);
    if (published === undefined) unknown.push(`${name}@${version}`);
    else if (Date.now() - published.getTime() < LEAST_DAYS * DAY_MS)
      faults.push(`${name}@${version} was published ${published.toISOString()}, less than a week ago`);
  }
  console.log(`ages: ${packages.length} asked for, ${faults.length} too young, ${unknown.length} not told`);
  if (unknown.length > 0) console.log(`  NOT CHECKED: the registry tells no date of ${unknown.join(', ')}`);
  return faults;
}

async function vulnerabilities(): Promise<string[]> {
  const found = await audit();
  if (found === undefined) console.log('audit: NOT CHECKED: this registry does not answer npm audit');
  else console.log(`audit: ${found.length} known vulnerabilities in what runs`);
  return found ?? [];
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
