import { readdir, readFile, writeFile } from 'node:fs/promises';
import { readXlsx } from 'hucre/xlsx';
import t from 'tap';
import { columnLetters } from '../../../../lib/exports/files/xlsx/cells.js';
import { MAX_XLSX_ROWS, writeXlsx } from '../../../../lib/exports/files/xlsx.js';
import { temporaryFolder } from '../../../helpers/services.js';
import { type NastyRow, nastyColumns, nastyRows, nastyTask } from './nasty.js';
import { plainTask, writePlainCsv } from './plain.js';

async function read(path: string) {
  const { sheets } = await readXlsx(await readFile(path), { readStyles: true });
  const [sheet] = sheets;
  if (!sheet || sheets.length > 1) throw new Error('not one sheet');
  return sheet;
}

/** What a spreadsheet makes of a row. An empty text is the same as none there. */
function cells(row: NastyRow): unknown[] {
  const exact = row.big === null || BigInt.asIntN(54, row.big) === row.big;
  const date = row.at !== null && row.at >= '1900-03' ? new Date(row.at) : row.at;
  return [
    row.n,
    row.text,
    row.id,
    row.big === null ? null : exact ? Number(row.big) : String(row.big),
    row.real,
    row.flag,
    date,
    row.data,
  ];
}

t.test('a spreadsheet reader finds every value, numbers and dates as such', async (t) => {
  const task = await nastyTask(t);
  t.strictSame(await writeXlsx(task, 'images'), { cutCells: 0 });
  const sheet = await read(task.outputPath);
  t.equal(sheet.name, 'images');
  const [header, ...rows] = sheet.rows;
  t.strictSame(
    header,
    nastyColumns.map(({ name }) => name),
  );
  t.equal(rows.length, nastyRows.length);
  for (const [index, row] of nastyRows.entries()) {
    const found = nastyColumns.map((_, column) => rows[index]?.[column] ?? null);
    t.strictSame(found, cells(row), `row ${index}`);
  }
  t.strictSame(sheet.freezePane?.rows, 1, 'the header stays');
  t.equal(sheet.cells?.get('0,0')?.style?.font?.bold, true, 'and is bold');
  t.notOk(
    [...(sheet.cells?.values() ?? [])].some(({ formula }) => formula !== undefined),
    'no text became a formula',
  );
});

t.test('a text longer than a cell takes is cut where one sees it, and counted', async (t) => {
  const folder = await temporaryFolder(t);
  const csvPath = `${folder}/rows.csv`;
  const fits = 'x'.repeat(32_767);
  // The cut would fall within the emoji.
  const long = `${'x'.repeat(32_740)}${'🎉'.repeat(100)}`;
  await writeFile(csvPath, `text\n${fits}\n${long}\n`);
  const task = plainTask(folder, 2, { columns: [{ name: 'text', type: 'text' }] });
  t.strictSame(await writeXlsx(task, 'jobs'), { cutCells: 1 });
  const [, [first] = [], [second] = []] = (await read(task.outputPath)).rows;
  t.equal(first, fits);
  t.match(second, /^x{32740}🎉?… \[cut: 32940 characters\]$/u);
  t.ok(String(second).length <= 32_767);
});

t.test('one row too many is refused at once, with a code of its own', async (t) => {
  const folder = await temporaryFolder(t);
  await t.rejects(writeXlsx(plainTask(folder, MAX_XLSX_ROWS + 1), 'images'), {
    code: 'EXPORT_TOO_MANY_ROWS',
    status: 422,
    message: /1048575 rows a sheet, and there are 1048576\./,
  });
  t.strictSame(await readdir(folder), []);
});

t.test('many rows, and none', async (t) => {
  const folder = await temporaryFolder(t);
  const progress: number[] = [];
  const task = plainTask(folder, 20_000, { onProgress: (rows) => progress.push(rows) });
  await writePlainCsv(task);
  await writeXlsx(task, 'images');
  const { rows } = await read(task.outputPath);
  t.equal(rows.length, 20_001);
  t.strictSame(rows.at(-1), ['0193a5b0-0000-7000-8000-000000019999', 19_999]);
  t.equal(progress.at(-1), 20_000);
  t.ok(progress.length > 2);

  const none = plainTask(folder, 0);
  await writePlainCsv(none);
  await writeXlsx(none, 'images');
  t.strictSame((await read(none.outputPath)).rows, [['id', 'number']]);
});

t.test('what is wrong, and an abort, leave no file', async (t) => {
  const folder = await temporaryFolder(t);
  const stop = new AbortController();
  const reason = new Error('the job was cancelled');
  const task = plainTask(folder, 50_000, { signal: stop.signal, onProgress: () => stop.abort(reason) });
  await writePlainCsv(task);
  await t.rejects(writeXlsx({ ...plainTask(folder, 50_001) }, 'images'), /50000 rows, its CSV 50001/);
  await t.rejects(writeXlsx(task, 'images'), reason);
  t.strictSame(await readdir(folder), ['rows.csv']);
});

t.test('the columns of a wide sheet', (t) => {
  t.strictSame([0, 25, 26, 51, 52, 701, 702].map(columnLetters), ['A', 'Z', 'AA', 'AZ', 'BA', 'ZZ', 'AAA']);
  t.end();
});
