import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { openInFolder } from '../../../lib/imports/import-folder.js';
import { temporaryFolder } from '../../helpers/services.js';

const parent = await temporaryFolder(t);
const folder = join(parent, 'import');
await mkdir(join(folder, 'deep'), { recursive: true });
await mkdir(join(parent, 'import-beside'));
await writeFile(join(folder, 'deep', 'file'), 'inside');
await writeFile(join(parent, 'secret'), 'outside');
await writeFile(join(parent, 'import-beside', 'secret'), 'outside');
await symlink('deep/file', join(folder, 'link-inside'));
await symlink('../secret', join(folder, 'link-outside'));
await symlink('..', join(folder, 'folder-outside'));
await symlink('../import-beside', join(folder, 'beside'));
await symlink('loop', join(folder, 'loop'));
execFileSync('mkfifo', [join(folder, 'pipe')]);

t.test('files below the folder are read, links within it too', async (t) => {
  for (const path of ['deep/file', './deep/./file', 'deep//file', 'link-inside'])
    t.equal(await text(await openInFolder(folder, path)), 'inside', path);
  const linked = join(parent, 'linked');
  await symlink(folder, linked);
  t.equal(await text(await openInFolder(linked, 'deep/file')), 'inside', 'the folder itself may be a link');
});

const refused = [
  '../secret',
  'deep/../../secret',
  '/etc/passwd',
  'link-outside',
  'folder-outside/secret',
  'beside/secret',
  'deep\\..\\..\\secret',
];
for (const path of refused)
  t.test(`${path} is refused`, async (t) => {
    await t.rejects(openInFolder(folder, path), { code: 'PATH_NOT_ALLOWED' });
  });

for (const path of ['none', 'deep', 'deep/file/under', 'loop', 'pipe', '.', `${'x'.repeat(300)}`])
  t.test(`${path.slice(0, 20)} is no file`, async (t) => {
    await t.rejects(openInFolder(folder, path), { code: /^PATH_NOT_(FOUND|ALLOWED)$/ });
  });

t.test('without a folder nothing is read', async (t) => {
  await t.rejects(openInFolder(undefined, 'deep/file'), { code: 'PATH_NOT_ALLOWED' });
});
