import { pipeline, type Readable, Transform } from 'node:stream';
import { type Copy, type CopyDeps, openCopy } from './copy.js';
import type { ExportRequest } from './request.js';
import { type CsvOptions, csvStatement, jsonStatement } from './statement.js';

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
  /** How many rows PostgreSQL has sent so far. */
  readonly rows: () => number;
  /** Resolves when its connection has ended, however the export did. */
  readonly released: Promise<void>;
}

/**
 * Starts an export as a stream of CSV, NDJSON or JSON, and resolves when its first bytes are there.
 *
 * @param signal leaves the export, whether it has begun or not
 * @throws Problem DATABASE_UNAVAILABLE where PostgreSQL cannot be reached; the signal's reason
 */
export async function openExport(
  deps: CopyDeps,
  tenantId: string,
  request: ExportRequest,
  format: StreamFormat,
  signal: AbortSignal,
): Promise<ExportStream> {
  const copy = await openCopy(deps, statementOf(tenantId, request, format), signal);
  const { released } = copy;
  const rows = (): number => Math.max(0, copy.rows - (format.format === 'csv' ? 1 : 0));
  if (format.format === 'json') return { bytes: through(copy, jsonArray()), rows, released };
  if (format.format === 'csv' && format.bom)
    return { bytes: through(copy, framed(BYTE_ORDER_MARK)), rows, released };
  return { bytes: copy, rows, released };
}

function statementOf(tenantId: string, request: ExportRequest, format: StreamFormat): string {
  if (format.format === 'csv') return csvStatement(request, tenantId, format);
  return jsonStatement(request, tenantId, format.format === 'json' ? ',' : '');
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** An error goes on to the reader of the transform, and its leaving back to the copy. */
function through(copy: Copy, transform: Transform): Transform {
  return pipeline(copy, transform, () => {});
}

function framed(head: Buffer): Transform {
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
