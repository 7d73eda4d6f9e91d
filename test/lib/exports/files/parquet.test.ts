import { createReadStream } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { DuckDBInstance, type JS } from '@duckdb/node-api';
import t from 'tap';
import type { FileTask } from '../../../../lib/exports/files/file-task.js';
import { writeParquet } from '../../../../lib/exports/files/parquet.js';
import { temporaryFolder } from '../../../helpers/services.js';
import { nastyRows, nastyTask } from './nasty.js';
import { plainTask, writePlainCsv } from './plain.js';

async function query(sql: string): Promise<Record<string, JS>[]> {
  const instance = await DuckDBInstance.create(':memory:');
  try {
    const connection = await instance.connect();
    return (await connection.runAndReadAll(sql)).getRowObjectsJS();
  } finally {
    instance.closeSync();
  }
}

/** Makes the file of a task from its CSV. */
async function make(
  { csvPath, rows, ...task }: FileTask,
  source: Readable = createReadStream(csvPath),
): Promise<void> {
  await writeParquet(source, { ...task, pipePath: `${csvPath}.pipe`, recycle: () => {}, rows: () => rows });
}

const from = (path: string): string => `'${path.replaceAll("'", "''")}'`;

t.test('every value comes back as it was, with its type', async (t) => {
  const task = await nastyTask(t);
  await make(task);

  const described = await query(`describe select * from read_parquet(${from(task.outputPath)})`);
  t.strictSame(
    described.map((column) => [column['column_name'], column['column_type']]),
    [
      ['n', 'INTEGER'],
      ['text', 'VARCHAR'],
      ['id', 'UUID'],
      ['big', 'BIGINT'],
      ['real', 'DOUBLE'],
      ['flag', 'BOOLEAN'],
      ["at 'noon'", 'TIMESTAMP WITH TIME ZONE'],
      ['data."a,b"', 'JSON'],
    ],
  );
  const rows = await query(`
    select n, text, id::varchar as id, big, "real", flag, epoch_ms("at 'noon'") as at, "data.""a,b"""::varchar as data
    from read_parquet(${from(task.outputPath)})`);
  t.strictSame(
    rows.map((row) => ({ ...row, at: row['at'] === null ? null : Number(row['at']) })),
    nastyRows.map((row) => ({ ...row, at: row.at === null ? null : Date.parse(row.at) })),
  );
});

t.test('the file itself says what its columns are, and is compressed', async (t) => {
  const task = await nastyTask(t);
  await make(task);
  const schema = await query(
    `select name, logical_type from parquet_schema(${from(task.outputPath)}) where logical_type is not null`,
  );
  const logical = Object.fromEntries(schema.map((row) => [row['name'], String(row['logical_type'])]));
  t.match(logical['id'], /UUID/);
  t.match(logical['data."a,b"'], /Json/i);
  t.match(logical["at 'noon'"], /Timestamp.*isAdjustedToUTC=1/i, 'an instant, not a time on a wall');
  const [meta] = await query(`select distinct compression from parquet_metadata(${from(task.outputPath)})`);
  t.equal(meta?.['compression'], 'ZSTD');
});

t.test('many rows: row groups, sums and order', async (t) => {
  const task = plainTask(await temporaryFolder(t), 100_000);
  await writePlainCsv(task);
  await make(task);
  const [sums] = await query(`
    select count(*)::integer as rows, sum(number)::bigint as total, count(distinct id)::integer as ids,
      bool_and(number = file_row_number) as in_order
    from read_parquet(${from(task.outputPath)}, file_row_number = true)`);
  t.strictSame(sums, { rows: 100_000, total: 4_999_950_000n, ids: 100_000, in_order: true });
  const [groups] = await query(
    `select count(distinct row_group_id)::integer as groups from parquet_metadata(${from(task.outputPath)})`,
  );
  t.equal(groups?.['groups'], 5);
});

t.test('no rows at all make a file with its columns', async (t) => {
  const task = plainTask(await temporaryFolder(t), 0);
  await writePlainCsv(task);
  await make(task);
  t.strictSame(await query(`select count(*)::integer as rows from read_parquet(${from(task.outputPath)})`), [
    { rows: 0 },
  ]);
});

t.test('what is wrong leaves no file', async (t) => {
  const folder = await temporaryFolder(t);
  const task = plainTask(folder, 10);
  await writePlainCsv(task);
  await t.rejects(make({ ...task, rows: 11 }), /10 rows, its CSV 11/, 'a row too few');
  await writeFile(task.csvPath, (await readFile(task.csvPath, 'utf8')).replace(',3\n', ',three\n'));
  await t.rejects(make(task), /three/, 'a cell that is no number');
  t.strictSame(await readdir(dirname(task.outputPath)), ['rows.csv']);
});

t.test('an abort ends it, and leaves no file', async (t) => {
  const stop = new AbortController();
  const folder = await temporaryFolder(t);
  const reason = new Error('the job was cancelled');
  const task = plainTask(folder, 500_000, { signal: stop.signal });
  await writePlainCsv(task);
  const source = createReadStream(task.csvPath);
  source.once('data', () => stop.abort(reason));
  await t.rejects(make(task, source), reason, 'in the middle');
  await t.rejects(make(task), reason, 'before it began');
  t.strictSame(await readdir(folder), ['rows.csv']);
});

t.test('rows that break off are no file, wherever that is', async (t) => {
  const folder = await temporaryFolder(t);
  const task = plainTask(folder, 10_000);
  await writePlainCsv(task);
  const csv = await readFile(task.csvPath);
  for (const length of [0, 5, 1_000, 300_000, csv.length]) {
    const cut = new Error('the database is gone');
    await t.rejects(
      make(task, Readable.from(breaksOff(csv.subarray(0, length), cut))),
      cut,
      `after ${length}`,
    );
  }
  t.strictSame(await readdir(folder), ['rows.csv']);
});

async function* breaksOff(content: Buffer, error: Error): AsyncGenerator<Buffer> {
  if (content.length > 0) yield content;
  throw error;
}
