import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { type Cell, readCsvRows } from '../../../../lib/exports/files/csv-rows.js';
import { temporaryFolder } from '../../../helpers/services.js';
import { nastyRows, nastyTask } from './nasty.js';

const { signal } = new AbortController();

async function readAll(path: string): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for await (const some of readCsvRows(path, signal)) rows.push(...some);
  return rows;
}

t.test('what PostgreSQL writes is read as it was: null is not empty text', async (t) => {
  const { csvPath } = await nastyTask(t);
  const rows = await readAll(csvPath);
  t.strictSame(
    rows.map(([n, text, , big]) => [Number(n), text, big]),
    nastyRows.map(({ n, text, big }) => [n, text, big === null ? null : String(big)]),
  );
});

t.test('rows longer than what is read at once, cut anywhere', async (t) => {
  const path = `${await temporaryFolder(t)}/rows.csv`;
  const cells = Array.from({ length: 40 }, (_, index) => [String(index), `é"\n,🎉`.repeat(1500 * index), '']);
  const quote = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
  await writeFile(path, `a,b,c\n${cells.map((row) => `${row.map(quote).join(',')}\n`).join('')}`);
  t.strictSame(await readAll(path), cells);
});

t.test('a file that was cut short is told', async (t) => {
  const path = `${await temporaryFolder(t)}/rows.csv`;
  for (const text of ['a\n1\n2', 'a\n"1\n', 'a,b\n1,', 'a\n"1"']) {
    await writeFile(path, text);
    await t.rejects(readAll(path), /ends within a row/, JSON.stringify(text));
  }
  await writeFile(path, 'a\n"1"2\n');
  await t.rejects(readAll(path), /after a closing quote/);
});
