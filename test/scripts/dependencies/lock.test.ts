import { readFile } from 'node:fs/promises';
import t from 'tap';
import { lockFaults, packagesOf, readLock } from '../../../scripts/dependencies/lock.js';

// From dist/test/scripts/dependencies.
const root = new URL('../../../../', import.meta.url);
const digest = `sha512-${'A'.repeat(86)}==`;

t.test('the lock file of the project: every package from the registry, by its digest', async (t) => {
  const packages = await readLock(new URL('package-lock.json', root));
  t.ok(packages.length > 400);
  t.same(lockFaults(packages), []);
  t.equal(packages.filter(({ integrity }) => integrity === undefined).length, 18, 'those entered by hand');
  const { dependencies, devDependencies } = JSON.parse(await readFile(new URL('package.json', root), 'utf8'));
  const locked = new Set(packages.map(({ path }) => path));
  for (const name of Object.keys({ ...dependencies, ...devDependencies }))
    t.ok(locked.has(`node_modules/${name}`), `${name} is locked`);
});

t.test('what is not right is named', async (t) => {
  for (const [name, facts, fault] of [
    ['a', { integrity: digest }, undefined],
    ['a', { integrity: digest, resolved: 'https://registry.npmjs.org/a/-/a-1.0.0.tgz' }, undefined],
    ['@biomejs/cli-win32-x64', { optional: true }, undefined],
    ['@biomejs/cli-win32-x64', {}, /has no digest/],
    ['a', {}, /^node_modules\/a has no digest/],
    ['a', { optional: true }, /has no digest/],
    ['a', { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }, /not SHA-512/],
    ['a', { integrity: digest, resolved: 'git+ssh://git@example.com/a.git' }, /comes from git/],
    ['a', { integrity: digest, resolved: 'https://registry.npmjs.org.example.com/a.tgz' }, /comes from/],
    ['a', { integrity: digest, hasInstallScript: true }, /install script/],
    ['a', { integrity: digest, link: true }, /link/],
  ] as const) {
    const text = JSON.stringify({
      packages: { '': {}, [`node_modules/${name}`]: { version: '1.0.0', ...facts } },
    });
    const faults = lockFaults(packagesOf(text));
    if (fault === undefined) t.same(faults, [], JSON.stringify(facts));
    else t.match(faults, [fault], JSON.stringify(facts));
  }
});

t.test('a package within another has its own name', async (t) => {
  const [inner] = packagesOf('{"packages":{"node_modules/a/node_modules/@b/c":{"version":"1.0.0"}}}');
  t.match(inner, { name: '@b/c', path: 'node_modules/a/node_modules/@b/c' });
});
