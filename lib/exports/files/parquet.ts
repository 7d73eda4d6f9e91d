import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { storageProblem } from '../../errors.js';
import type { ColumnType, ExportColumn } from '../../lists/column.js';
import { assertAllRows, type FileTask, wholeOrNothing } from './file-task.js';

/**
 * One thread: a second one makes it nearly twice as fast, but each holds a row group of its own and the
 * rows that wait for their turn (150 MB more over a million rows), and the API needs a CPU too.
 */
const THREADS = '1';
/** Rows a row group: what is in memory at a time. A multiple of DuckDB's vectors of 2,048. */
const ROW_GROUP_ROWS = 20_480;
/** The longest row that is read. Metadata takes 16 KiB at most, a job's result some tens. */
const MAX_ROW_BYTES = 2_000_000;
/** DuckDB reads the CSV in a few buffers of this size; the default is sixteen times as large. */
const CSV_BUFFER_BYTES = 4_000_000;
const MEMORY_LIMIT = '512MB';
const PROGRESS_MS = 250;

/**
 * Writes a Parquet file from an export's CSV: typed columns, row groups of 20,480 rows, zstd.
 *
 * DuckDB does it: native, streaming, one dependency that is kept up by its makers, and its types carry
 * the logical types of Parquet. uuid becomes UUID, json JSON, timestamp an instant in UTC (in microseconds,
 * which hold our milliseconds exactly); null and empty text stay apart. Rows keep their order.
 *
 * It runs on a thread of DuckDB's and one of libuv's, so the caller's event loop stays free.
 *
 * @throws Error when a cell does not fit its column, or the file has not got every row
 */
export async function writeParquet(task: FileTask): Promise<void> {
  await wholeOrNothing(task.outputPath, task.signal, async () => {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: THREADS,
      memory_limit: MEMORY_LIMIT,
      // A COPY streams, so nothing ever needs to spill; the default is a folder in the current one.
      temp_directory: '',
      // Nothing is ever fetched from the network.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    try {
      const connection = await instance.connect();
      try {
        await copy(connection, task);
      } finally {
        connection.closeSync();
      }
    } finally {
      instance.closeSync();
    }
  });
}

async function copy(connection: DuckDBConnection, task: FileTask): Promise<void> {
  await connection.run('set enable_progress_bar = true');
  await connection.run('set enable_progress_bar_print = false');
  const interrupt = (): void => connection.interrupt();
  task.signal.addEventListener('abort', interrupt, { once: true });
  const timer = setInterval(() => {
    // -1 before it has begun. It counts the bytes of the CSV that have been read.
    const { percentage } = connection.progress;
    if (percentage > 0) task.onProgress(Math.min(task.rows, Math.floor((task.rows * percentage) / 100)));
  }, PROGRESS_MS);
  try {
    task.signal.throwIfAborted();
    const result = await connection.run(copyStatement(task)).catch(failCopy);
    assertAllRows(result.rowsChanged, task.rows);
  } finally {
    clearInterval(timer);
    task.signal.removeEventListener('abort', interrupt);
  }
  task.onProgress(task.rows);
}

/** COPY takes no parameters, so names and paths are quoted. */
function copyStatement({ csvPath, columns, outputPath }: FileTask): string {
  const types = columns.map(({ name, type }) => `${literal(name)}: ${literal(duckdbTypes[type])}`);
  return `
    copy (
      select * from read_csv(${literal(csvPath)},
        auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', new_line = '\\n',
        nullstr = '', allow_quoted_nulls = false, strict_mode = true,
        max_line_size = ${MAX_ROW_BYTES}, buffer_size = ${CSV_BUFFER_BYTES}, columns = {${types.join(', ')}})
    ) to ${literal(outputPath)} (format parquet, compression zstd, row_group_size ${ROW_GROUP_ROWS})`;
}

/** How each type is read from the CSV; Parquet gets the logical type that belongs to it. */
const duckdbTypes: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  uuid: 'UUID',
  integer: 'INTEGER',
  bigint: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  timestamp: 'TIMESTAMPTZ',
  json: 'JSON',
} satisfies Record<ExportColumn['type'], string>;

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** DuckDB's errors have no code; the system's words for a full disk are in their text. */
function failCopy(error: unknown): never {
  const full = error instanceof Error && /No space left on device|Disk quota exceeded/.test(error.message);
  throw full
    ? storageProblem(Object.assign(new Error('disk full', { cause: error }), { code: 'ENOSPC' }))
    : error;
}
