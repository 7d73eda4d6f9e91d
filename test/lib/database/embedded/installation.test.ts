import { mkdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { linkLibraries } from '../../../../lib/database/embedded/binaries.js';
import { chooseLauncher } from '../../../../lib/database/embedded/launcher.js';
import { temporaryFolder } from '../../../helpers/services.js';

t.test('missing links between libraries are made, present ones are kept', async (t) => {
  const root = await temporaryFolder(t);
  const links = ['libpq.so.5', 'libpq.so', 'deep/libpq.so'].map((name) => ({
    source: 'native/lib/libpq.so.5.18',
    target: `native/lib/${name}`,
  }));
  await mkdir(join(root, 'native/lib/deep'), { recursive: true });
  await writeFile(join(root, 'native/lib/libpq.so.5.18'), 'library');
  await writeFile(join(root, 'native/pg-symlinks.json'), JSON.stringify(links));
  await Promise.all([linkLibraries(root), linkLibraries(root)]);
  await linkLibraries(root);
  for (const { target } of links) t.equal(await readFile(join(root, target), 'utf8'), 'library');
  t.equal(
    await readlink(join(root, 'native/lib/libpq.so')),
    'libpq.so.5.18',
    'they survive a move of the folder',
  );
});

t.test('a package without a list of links is whole as it is', async (t) => {
  await linkLibraries(await temporaryFolder(t));
});

t.test('a machine that cannot run the server is told what to do', async (t) => {
  const folder = await temporaryFolder(t);
  const missing = join(folder, 'missing');
  const binaries = { postgres: missing, initdb: missing, template: process.execPath };
  await t.rejects(chooseLauncher(binaries, folder, join(folder, 'cluster')), {
    message: /cannot run here.*missing.*or set DATABASE_URL/,
  });
});
