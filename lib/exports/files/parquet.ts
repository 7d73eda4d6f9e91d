import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { storageProblem } from '../../errors.js';
import type { ColumnType, ExportColumn } from '../../lists/column.js';
import { assertAllRows, type FileTask, wholeOrNothing } from './file-task.js';
import { NamedPipe } from './named-pipe.js';

/** A Parquet file to be. */
export interface ParquetTask extends Pick<FileTask, 'columns' | 'outputPath' | 'signal'> {
  /** Where a named pipe can be while the file is made. */
  readonly pipePath: string;
  /** Takes a chunk of the CSV back whose bytes are not needed any more. */
  readonly recycle: (chunk: Buffer) => void;
  /** How many rows there were, asked when all have come: a file with another number is never finished. */
  readonly rows: () => number;
}

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

/**
 * Writes a Parquet file from an export's CSV, while that comes: typed columns, row groups of 20,480 rows, zstd.
 *
 * DuckDB does it: native, streaming, one dependency that is kept up by its makers, and its types carry
 * the logical types of Parquet. uuid becomes UUID, json JSON, timestamp an instant in UTC (in microseconds,
 * which hold our milliseconds exactly); null and empty text stay apart. Rows keep their order. It reads a named
 * pipe: about as fast as PostgreSQL writes, so that both work at once, and no copy of the rows lies on the disk.
 *
 * It runs on a thread of DuckDB's and one of libuv's, so the caller's event loop stays free.
 *
 * @param source the CSV; see `FileTask`
 * @throws Error when a cell does not fit its column, or the file has not got every row; what `source` fails with
 */
export async function writeParquet(source: Readable, task: ParquetTask): Promise<void> {
  const { outputPath, pipePath, rows, recycle, signal } = task;
  await wholeOrNothing(outputPath, signal, async () => {
    const pipe = await NamedPipe.make(pipePath);
    try {
      const written = await firstError(
        inDuckDb((connection) => copy(connection, task)),
        pipe.open(recycle).then((sink) => pipeline(source, sink, { signal })),
        () => pipe.close(),
      );
      assertAllRows(written, rows());
    } finally {
      await pipe.remove();
    }
  });
}

/**
 * Waits for the end of both. Where one fails the other fails because of it, or ends too early: it is the first
 * error that counts.
 *
 * @param onMade called when the making has ended, for the feeding to end as well
 */
async function firstError<T>(making: Promise<T>, feeding: Promise<void>, onMade: () => void): Promise<T> {
  const errors: unknown[] = [];
  const keep = (error: unknown): undefined => void errors.push(error);
  const made = making.then((value) => ({ value }), keep).finally(onMade);
  await feeding.catch(keep);
  const ended = await made;
  if (errors.length > 0 || ended === undefined) throw errors[0];
  return ended.value;
}

async function inDuckDb<T>(run: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
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
      return await run(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

/** @returns how many rows were written */
async function copy(connection: DuckDBConnection, task: ParquetTask): Promise<number> {
  const interrupt = (): void => connection.interrupt();
  task.signal.addEventListener('abort', interrupt, { once: true });
  try {
    task.signal.throwIfAborted();
    return (await connection.run(copyStatement(task)).catch(failCopy)).rowsChanged;
  } finally {
    task.signal.removeEventListener('abort', interrupt);
  }
}

/** COPY takes no parameters, so names and paths are quoted. */
function copyStatement({ pipePath, columns, outputPath }: ParquetTask): string {
  const types = columns.map(({ name, type }) => `${literal(name)}: ${literal(duckdbTypes[type])}`);
  return `
    copy (
      select * from read_csv(${literal(pipePath)},
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
