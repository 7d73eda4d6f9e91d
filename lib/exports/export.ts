import type { JobState } from '../jobs/state.js';
import { exportContentPath } from '../paths.js';
import type { ExportBody } from './body.js';
import type { ExportCompression, ExportFormat } from './format.js';
import type { DatasetName } from './request.js';

/** Where an export stands: as its job does, until its file is removed. */
export type ExportState = JobState | 'expired';

/** An export as its row has it. */
export interface ExportRow {
  readonly id: string;
  readonly tenantId: string;
  readonly jobId: string;
  readonly dataset: DatasetName;
  readonly format: ExportFormat;
  readonly compression: ExportCompression;
  readonly request: ExportBody;
  readonly state: ExportState;
  /** Rows, or files of an archive; null until it is finished, like bytes and digest. */
  readonly rows: number | null;
  readonly bytes: number | null;
  /** Lower-case hex. */
  readonly sha256: string | null;
  readonly createdAt: Date;
  readonly finishedAt: Date | null;
  readonly expiresAt: Date | null;
}

/** An export as the API shows it. */
export interface Export {
  readonly id: string;
  readonly jobId: string;
  readonly dataset: DatasetName;
  readonly format: ExportFormat;
  readonly compression: ExportCompression;
  readonly state: ExportState;
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly createdAt: string;
  /** When its file goes; null until it is finished. */
  readonly expiresAt: string | null;
  /** Path of its bytes: 409 until it is finished, 410 once it has expired. */
  readonly url: string;
}

/** A row as the API shows it. */
export function presentExport(row: ExportRow): Export {
  const { id, jobId, dataset, format, compression, state, rows, bytes, sha256 } = row;
  return {
    id,
    jobId,
    dataset,
    format,
    compression,
    state,
    rows,
    bytes,
    sha256,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    url: exportContentPath(id),
  };
}
