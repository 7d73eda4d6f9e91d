import type { ProblemCode } from '../errors.js';
import type { MemberCounts } from '../jobs/member-counts.js';
import type { ImageSource } from '../sources/source.js';
import type { Column } from './columns.js';

/** One row of an import: where its image comes from, and what is wanted of it. */
export interface ImportSource extends ImageSource {
  /** Number of the line of the CSV that it begins on, from 2: the header is line 1. */
  readonly line: number;
}

/** What an import has come to so far. */
export interface ImportResult {
  readonly rows: {
    /** Read so far. */
    readonly read: number;
    /** Became jobs. */
    readonly accepted: number;
    /** Are no rows, or ask for what there is not; the report says why. */
    readonly rejected: number;
  };
  readonly members: MemberCounts;
}

/** An import as its row has it. */
export interface ImportRow {
  readonly id: string;
  readonly tenantId: string;
  readonly columns: readonly Column[];
  /** Size of its CSV. */
  readonly bytes: number;
  /** The byte after the last row that is recorded; {@link bytes} once all are. */
  readonly position: number;
  /** Number of the line that begins there, from 1. */
  readonly line: number;
  readonly read: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly run: number;
}

/** A row that became no job, and why. */
export interface Rejection {
  readonly line: number;
  readonly code: ProblemCode;
  readonly detail: string;
}

/** What an import has come to before it begins. */
export const firstImportResult: ImportResult = {
  rows: { read: 0, accepted: 0, rejected: 0 },
  members: { total: 0, completed: 0, failed: 0, cancelled: 0 },
};
