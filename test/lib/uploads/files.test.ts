import { link, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { UploadFiles } from '../../../lib/uploads/files.js';
import { temporaryFolder } from '../../helpers/services.js';

await t.test('a file that the store has taken is not written to any more', async (t) => {
  const dataDir = await temporaryFolder(t);
  const files = new UploadFiles({ dataDir });
  const path = files.path('one');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'all of it');
  const taken = join(dataDir, 'taken');
  await link(path, taken);
  await files.prepare('one');
  await writeFile(path, 'ALL', { flag: 'r+' });
  t.equal(await readFile(taken, 'utf8'), 'all of it');
  t.equal(await readFile(path, 'utf8'), 'ALL of it');
});

await t.test('an upload without a file', async (t) => {
  const files = new UploadFiles({ dataDir: await temporaryFolder(t) });
  t.equal(await files.size('one'), 0);
  await files.prepare('one');
  await files.syncNames();
  await files.remove('one');
});
