import { createHash } from 'node:crypto';
import { open, rm, utimes } from 'node:fs/promises';
import { pipeline, type Readable, Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { insider } from '../keys/caller.js';
import type { BlobStore } from '../storage/blob-store.js';
import { spool } from '../storage/spool.js';
import { type ExportBody, requestOf } from './body.js';
import type { CopyDeps } from './copy.js';
import type { FileTask } from './files/file-task.js';
import { writeParquet } from './files/parquet.js';
import { writeXlsx } from './files/xlsx.js';
import { writeZip } from './files/zip.js';
import type { ExportCompression } from './format.js';
import { csvFormat } from './options.js';
import { packedColumns, packedFiles } from './packed-files.js';
import { partsOf } from './parts.js';
import type { FinishedFile } from './repository.js';
import type { ExportRequest } from './request.js';
import { countStatement, type ExportPart, exportColumns, WHOLE } from './statement.js';
import { type ExportStream, openExport, type StreamFormat } from './stream.js';

/** What an export's file is written with. */
export interface WriteDeps extends CopyDeps {
  readonly store: BlobStore;
}

/** An export to write. */
export interface ExportTask {
  readonly tenantId: string;
  readonly body: ExportBody;
  /** Temporary file to write; its owner moves or removes it. */
  readonly outputPath: string;
}

/** How an export is followed and stopped. */
export interface WriteControl {
  readonly signal: AbortSignal;
  /** Called now and then with how far it is, 0 to 1. */
  readonly onProgress: (share: number) => void;
}

/** The rows as a file writer reads them: see `FileTask`. */
const PLAIN_CSV = csvFormat({ formulaGuard: false });

/**
 * Writes an export to a file, synced. The rows leave PostgreSQL at full speed, so that neither a slow
 * reader nor a slow format holds its snapshot open: text formats and Parquet are written as they come, the
 * others are made from a CSV on the disk.
 *
 * @throws the signal's reason when aborted; Problem STORAGE_FULL, DATABASE_UNAVAILABLE or
 *   EXPORT_TOO_MANY_ROWS; on any failure nothing is left
 */
export async function writeExport(
  deps: WriteDeps,
  task: ExportTask,
  control: WriteControl,
): Promise<FinishedFile> {
  const { body, outputPath } = task;
  const request = requestOf(body, insider);
  switch (body.format) {
    case 'csv':
      return writeText(deps, task, request, { ...csvFormat(body), compression: body.compression }, control);
    case 'ndjson':
    case 'json':
      return writeText(deps, task, request, { format: body.format, compression: body.compression }, control);
    case 'parquet':
      return writeTyped(deps, task, request, control);
    case 'xlsx':
      return fromCsv(deps, task, request, control, async (file) => {
        await writeXlsx({ ...file, columns: exportColumns(request) }, body.dataset);
        return file.rows;
      });
    case 'zip': {
      const { dataset } = body;
      if (dataset === 'jobs') throw new Error('jobs have no files');
      const listed = { ...request, ...packedColumns(dataset) };
      return fromCsv(deps, task, listed, control, async ({ csvPath, signal, onProgress }) => {
        const files = packedFiles(deps.database.of(task.tenantId), task.tenantId, dataset, csvPath, signal);
        const { store } = deps;
        const outcome = await writeZip({ store, files, folder: dataset, outputPath, signal, onProgress });
        return outcome.packed + outcome.damaged;
      });
    }
  }
}

/** Nobody looks at the head of what we make ourselves. */
const UNLIMITED = { maxBytes: Infinity, headBytes: 0, onHead: () => {} };

/** PostgreSQL's output, packed or not, as the file. */
async function writeText(
  deps: WriteDeps,
  { tenantId, outputPath }: ExportTask,
  request: ExportRequest,
  { compression, ...format }: StreamFormat & { readonly compression: ExportCompression },
  control: WriteControl,
): Promise<FinishedFile> {
  const { signal } = control;
  const parts = await partsOf(deps.database, tenantId, request);
  return writeRows(deps, tenantId, request, format, parts, control, ({ bytes, recycle }) =>
    spool(packed(bytes, compression), outputPath, { ...UNLIMITED, signal, onWritten: recycle }),
  );
}

/**
 * PostgreSQL's output to wherever `write` takes it. How far it is, is told by the parts, which have about as many rows
 * each; what is one part is counted beside the copy, which takes a twentieth of its time.
 *
 * @param parts what it consists of; what takes rows more slowly than one backend makes them has no use for two
 */
async function writeRows<Written extends object>(
  deps: WriteDeps,
  tenantId: string,
  request: ExportRequest,
  format: StreamFormat,
  parts: readonly ExportPart[],
  { signal, onProgress }: WriteControl,
  write: (stream: ExportStream) => Promise<Written>,
): Promise<Written & { rows: number }> {
  const isWhole = parts.length === 1;
  // Until it is counted, and where it cannot be, there is no progress to see.
  let total = Number.POSITIVE_INFINITY;
  const counting = isWhole
    ? countRows(deps, tenantId, request).then(
        (counted) => {
          total = counted;
        },
        () => undefined,
      )
    : undefined;
  const stream = await openExport(deps, tenantId, request, format, signal, parts);
  const { rows, partsRead } = stream;
  const share = (): number => (isWhole ? rows() / Math.max(1, total) : partsRead() / parts.length);
  const follow = setInterval(() => onProgress(Math.min(1, share())), PROGRESS_MS);
  try {
    const written = await write(stream);
    return { ...written, rows: rows() };
  } finally {
    clearInterval(follow);
    stream.bytes.destroy();
    await counting;
  }
}

const PROGRESS_MS = 250;
const FRESH_MS = 10_000;
/** How much of a finished file is read at once, to be hashed. */
const PIECE_BYTES = 1024 * 1024;
/** Text shrinks to a tenth either way; the default 6 takes four times as long for a fifth less. */
const GZIP_LEVEL = 3;

function packed(source: Readable, compression: ExportCompression): Readable {
  if (compression === 'none') return source;
  const packer =
    compression === 'gzip' ? zlib.createGzip({ level: GZIP_LEVEL, chunkSize: 64 * 1024 }) : zstd();
  // Its error comes to whoever reads.
  return pipeline(source, packer, () => {});
}

/** Node 22.15 and later; `body.ts` has seen to that. */
function zstd() {
  if (!('createZstdCompress' in zlib) || typeof zlib.createZstdCompress !== 'function')
    throw new Error(`Node ${process.versions.node} has no zstd`);
  const packer: unknown = zlib.createZstdCompress();
  if (!(packer instanceof Transform)) throw new Error('zstd is no stream here');
  return packer;
}

/** Parquet, while the rows come. */
async function writeTyped(
  deps: WriteDeps,
  { tenantId, outputPath }: ExportTask,
  request: ExportRequest,
  control: WriteControl,
): Promise<FinishedFile> {
  const { signal } = control;
  const columns = exportColumns(request);
  const pipePath = deps.store.temporaryPath();
  const { rows } = await writeRows(
    deps,
    tenantId,
    request,
    PLAIN_CSV,
    [WHOLE],
    control,
    async ({ bytes, recycle, rows }) => {
      await writeParquet(bytes, { columns, outputPath, pipePath, recycle, rows, signal });
      return {};
    },
  );
  return { rows, ...(await digestOf(outputPath, signal)) };
}

/** A file that is made from the rows as a CSV. @param make returns how many rows, or files, are in it */
async function fromCsv(
  deps: WriteDeps,
  { tenantId, outputPath }: ExportTask,
  request: ExportRequest,
  { signal, onProgress }: WriteControl,
  make: (file: Omit<FileTask, 'columns'>) => Promise<number>,
): Promise<FinishedFile> {
  const csvPath = deps.store.temporaryPath();
  // A file that is only read looks abandoned, and would be swept.
  const fresh = setInterval(() => void utimes(csvPath, new Date(), new Date()).catch(() => {}), FRESH_MS);
  try {
    const half = { signal, onProgress: (share: number) => onProgress(share / 2) };
    const parts = await partsOf(deps.database, tenantId, request);
    const { rows } = await writeRows(deps, tenantId, request, PLAIN_CSV, parts, half, ({ bytes, recycle }) =>
      spool(bytes, csvPath, { ...UNLIMITED, signal, onWritten: recycle }),
    );
    const done = await make({
      csvPath,
      rows,
      outputPath,
      signal,
      onProgress: (count) => onProgress(0.5 + count / Math.max(1, 2 * rows)),
    });
    return { rows: done, ...(await digestOf(outputPath, signal)) };
  } finally {
    clearInterval(fresh);
    await rm(csvPath, { force: true });
  }
}

/** Size and SHA-256 of a file, which is synced too. */
async function digestOf(path: string, signal: AbortSignal): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  // The same memory each time: a stream takes new, and what it drops waits to be collected by the ten megabytes.
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
  const file = await open(path);
  try {
    for (let bytes = 0; ; ) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(piece);
      hash.update(piece.subarray(0, bytesRead));
      bytes += bytesRead;
      if (bytesRead > 0) continue;
      await file.sync();
      return { bytes, sha256: hash.digest('hex') };
    }
  } finally {
    await file.close();
  }
}

/** For the progress alone: the rows that come may be others by a few. */
async function countRows({ database }: WriteDeps, tenantId: string, request: ExportRequest): Promise<number> {
  const [row] = await database
    .of(tenantId)
    .query('exports.count', (sql) => sql.unsafe<{ total: number }[]>(countStatement(request, tenantId)));
  return row?.total ?? 0;
}
