import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Test } from 'tap';
import { connectPostgres } from '../../../../lib/database/connect.js';
import type { FileTask } from '../../../../lib/exports/files/file-task.js';
import type { ExportColumn } from '../../../../lib/lists/column.js';
import { temporaryFolder, testDatabase } from '../../../helpers/services.js';

/** A row as a test knows it: what a reader is to find. */
export interface NastyRow {
  readonly n: number;
  readonly text: string | null;
  readonly id: string | null;
  readonly big: bigint | null;
  readonly real: number | null;
  readonly flag: boolean | null;
  readonly at: string | null;
  readonly data: string | null;
}

/** The columns of {@link NastyRow}; the last two names need quoting in one language or another. */
export const nastyColumns: readonly ExportColumn[] = [
  { name: 'n', type: 'integer' },
  { name: 'text', type: 'text' },
  { name: 'id', type: 'uuid' },
  { name: 'big', type: 'bigint' },
  { name: 'real', type: 'double' },
  { name: 'flag', type: 'boolean' },
  { name: "at 'noon'", type: 'timestamp' },
  { name: 'data."a,b"', type: 'json' },
];

const texts = [
  null,
  '',
  '""',
  '"',
  'say "hi", she said',
  'two\nlines',
  'carriage\r\nreturn',
  ',',
  ' spaces ',
  '=1+1',
  '+1',
  '-1',
  '@SUM(A1)',
  '\ttab',
  'null',
  'NULL',
  '\\N',
  '\\.',
  'nul-free \u0001\u0007\u001f\u007f binary',
  'looks _x0041_ escaped',
  'not a character \uffff',
  'emoji 🎉👩‍👩‍👧',
  'مرحبا עולם',
  '<b>&amp;</b>',
  'İstanbul ﬁ é',
];
const bigs = [
  0n,
  -1n,
  9007199254740991n,
  9007199254740993n,
  9223372036854775807n,
  -9223372036854775808n,
  null,
];
const times = [
  '2026-11-22T21:00:00.123Z',
  '1969-12-31T23:59:59.999Z',
  '1900-03-01T00:00:00.000Z',
  '1899-12-31T12:00:00.001Z',
  '0999-01-01T00:00:00.000Z',
  null,
];

/** A row for each nasty text, and something nasty in each other column of it. */
export const nastyRows: readonly NastyRow[] = texts.map((text, n) => ({
  n,
  text,
  id: n % 5 === 0 ? null : `0193a5b0-0000-7000-8000-${String(n).padStart(12, '0')}`,
  big: bigs[n % bigs.length] ?? null,
  real: n % 4 === 0 ? null : (n - 10) / 3,
  flag: n % 3 === 0 ? null : n % 2 === 0,
  at: times[n % times.length] ?? null,
  data: n % 6 === 0 ? null : JSON.stringify({ text, list: [1, null, { deep: 'é"\n' }] }),
}));

/** The task of making a file of {@link nastyRows}, from the CSV that PostgreSQL itself makes of them. */
export async function nastyTask(t: Test, change: Partial<FileTask> = {}): Promise<FileTask> {
  const folder = await temporaryFolder(t);
  const task = {
    csvPath: `${folder}/it's.csv`,
    outputPath: `${folder}/it's the output`,
    rows: nastyRows.length,
    columns: nastyColumns,
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...change,
  };
  const sql = connectPostgres(await testDatabase(t), { max: 1, onnotice: () => undefined });
  await sql`
    create table nasty (n integer, text text, id uuid, big bigint, real double precision, flag boolean, at timestamptz, data json)`;
  for (const row of nastyRows) {
    await sql`
      insert into nasty values (${row.n}, ${row.text}, ${row.id}, ${row.big?.toString() ?? null}, ${row.real}, ${row.flag}, ${row.at}, ${row.data}::text::json)`;
  }
  const csv = await sql`
    copy (
      select n, text, id, big, "real", flag, to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "at 'noon'", data as "data.""a,b"""
      from nasty order by n
    ) to stdout (format csv, header)`.readable();
  await pipeline(csv, createWriteStream(task.csvPath));
  await sql.end();
  return task;
}
