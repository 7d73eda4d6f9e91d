import { pipeline, type Readable, Transform } from 'node:stream';
import { type Copy, type CopyDeps, openCopy } from './copy.js';
import type { ExportRequest } from './request.js';
import { type CsvOptions, csvStatement, type ExportPart, jsonStatement, WHOLE } from './statement.js';

/** How an export is written: what PostgreSQL can write by itself. */
export type StreamFormat =
  | ({
      readonly format: 'csv' /** Whether the byte order mark comes first, for spreadsheets. */;
      readonly bom: boolean;
    } & CsvOptions)
  | { readonly format: 'ndjson' }
  | { readonly format: 'json' };

/** An export that runs. */
export interface ExportStream {
  /** Its bytes. It fails when the export does; whoever leaves it destroys it. */
  readonly bytes: Readable;
  /** Takes a chunk back whose bytes are not needed any more; a reader need not give any. */
  readonly recycle: (chunk: Buffer) => void;
  /** How many rows PostgreSQL has sent so far. */
  readonly rows: () => number;
  /** How many of its parts were read so far. */
  readonly partsRead: () => number;
  /** Resolves when its connection has ended, however the export did. */
  readonly released: Promise<void>;
}

/**
 * Starts an export as a stream of CSV, NDJSON or JSON, and resolves when its first bytes are there.
 *
 * @param parts what it consists of, in their order (`parts.ts`): where there are several, two are copied at a time
 * @param signal leaves the export, whether it has begun or not
 * @throws Problem DATABASE_UNAVAILABLE where PostgreSQL cannot be reached; the signal's reason
 */
export async function openExport(
  deps: CopyDeps,
  tenantId: string,
  request: ExportRequest,
  format: StreamFormat,
  signal: AbortSignal,
  parts: readonly ExportPart[] = [WHOLE],
): Promise<ExportStream> {
  const statements = parts.map((part) => statementOf(tenantId, request, format, part));
  const copy = await openCopy(deps, statements, signal);
  return {
    bytes: framed(copy, format),
    recycle: (chunk) => copy.recycle(chunk),
    rows: () => Math.max(0, copy.rows - (format.format === 'csv' ? 1 : 0)),
    partsRead: () => copy.statementsRead,
    released: copy.released,
  };
}

/** With what its format has around the rows. */
function framed(copy: Copy, format: StreamFormat): Readable {
  if (format.format === 'json') return through(copy, jsonArray());
  if (format.format === 'csv' && format.bom) return through(copy, headed(BYTE_ORDER_MARK));
  return copy;
}

function statementOf(
  tenantId: string,
  request: ExportRequest,
  format: StreamFormat,
  part: ExportPart,
): string {
  if (format.format === 'csv') return csvStatement(request, tenantId, format, part);
  return jsonStatement(request, tenantId, format.format === 'json' ? ',' : '', part);
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** An error goes on to the reader of the transform, and its leaving back to the copy. */
function through(copy: Copy, transform: Transform): Transform {
  return pipeline(copy, transform, () => {});
}

function headed(head: Buffer): Transform {
  let begun = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (!begun) this.push(head);
      begun = true;
      done(null, chunk);
    },
  });
}

const SEPARATOR_BYTES = 2;

/** Lines that each end in a comma become one array: `[`, a row a line, `]`. */
function jsonArray(): Transform {
  // What may be the last separator waits for what comes after it.
  let held = Buffer.from('[\n');
  let begun = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      begun = true;
      const small = chunk.length < SEPARATOR_BYTES;
      if (!small) this.push(held);
      const bytes = small ? Buffer.concat([held, chunk]) : chunk;
      const cut = bytes.length - SEPARATOR_BYTES;
      held = Buffer.from(bytes.subarray(cut));
      done(null, cut > 0 ? bytes.subarray(0, cut) : undefined);
    },
    flush(done) {
      done(null, begun ? '\n]\n' : '[]\n');
    },
  });
}
