import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { migrate } from '../../../lib/database/migrate.js';
import { connect } from '../../helpers/embedded-postgres.js';
import { eventually, recordingLogger } from '../../helpers/events.js';
import { temporaryFolder, testDatabase } from '../../helpers/services.js';

// "half" in ASCII, as lib/database/migrate.ts has it: every version must take the same.
const ADVISORY_LOCK = 0x68616c66;
const migrateScript = fileURLToPath(new URL('../../helpers/migrate-process.js', import.meta.url));

async function folderOf(t: Test, files: Readonly<Record<string, string>>): Promise<URL> {
  const folder = join(await temporaryFolder(t), 'migrations');
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return pathToFileURL(`${folder}/`);
}

async function run(url: string, folder: URL): Promise<unknown[]> {
  const { log, lines } = recordingLogger();
  await migrate({ url, folder, after: async () => {}, log });
  return lines.items.map(({ fields }) => fields);
}

t.test('many processes migrate at once: all of them end well, and the work is done once', async (t) => {
  const url = await testDatabase(t);
  const sql = connect(t, url);
  // All of them are held at the door, so that they go through it at the same moment.
  await sql`select pg_advisory_lock(${ADVISORY_LOCK})`;
  const exits = Array.from({ length: 6 }, async () => {
    const child = spawn(process.execPath, [migrateScript, url], { stdio: ['ignore', 'inherit', 'inherit'] });
    const [code] = await once(child, 'exit');
    return code;
  });
  await eventually(async () => {
    const [row] = await sql`
      select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and application_name = 'halftone-migrate' and wait_event_type = 'Lock'`;
    return row?.['waiting'] === exits.length || undefined;
  });
  await sql`select pg_advisory_unlock(${ADVISORY_LOCK})`;
  t.same(await Promise.all(exits), [0, 0, 0, 0, 0, 0]);
  t.same([...(await sql`select id from tenants`)], [{ id: 'default' }]);
  const files = (await readdir(new URL('../../../../migrations/', import.meta.url))).sort();
  t.same(
    (await sql`select name from migrations order by name`).map(({ name }) => name),
    files,
  );
});

t.test('files run in the order of their numbers, each once; others are not looked at', async (t) => {
  const url = await testDatabase(t);
  const files = {
    '0002-fill.sql': "insert into steps values ('second');",
    '0001-create.sql': 'create table steps (name text);',
    'README.md': 'not SQL',
    '0003-draft.sql.bak': 'nor this',
  };
  t.same(await run(url, await folderOf(t, files)), [
    { migration: '0001-create.sql' },
    { migration: '0002-fill.sql' },
  ]);
  const more = { ...files, '0003-more.sql': "insert into steps values ('third');" };
  t.same(await run(url, await folderOf(t, more)), [{ migration: '0003-more.sql' }]);
  const steps = await connect(t, url)`select name from steps`;
  t.same(
    steps.map(({ name }) => name),
    ['second', 'third'],
  );
});

t.test('of a file that fails nothing is kept, and the next start tries it again', async (t) => {
  const url = await testDatabase(t);
  const first = { '0001-create.sql': 'create table steps (name text);' };
  const broken = { ...first, '0002-break.sql': "insert into steps values ('half'); select 1 / 0;" };
  await t.rejects(run(url, await folderOf(t, broken)), { message: 'migration 0002-break.sql failed' });
  const sql = connect(t, url);
  t.same([...(await sql`select * from steps`)], []);
  t.same(
    (await sql`select name from migrations`).map(({ name }) => name),
    ['0001-create.sql'],
  );
  const mended = { ...first, '0002-break.sql': "insert into steps values ('whole');" };
  t.same(await run(url, await folderOf(t, mended)), [{ migration: '0002-break.sql' }]);
});
