import type { JobOrigin } from '../audit.js';
import type { BatchResult } from '../batches/batch.js';
import type { ProblemJson } from '../errors.js';
import type { ImportResult } from '../imports/import.js';
import type { DeliveryRequest, DeliveryResult } from '../notifications/delivery.js';
import { exportPath, importReportPath, jobEventsPath, jobPath, renditionsPath, retryPath } from '../paths.js';
import type { CanonicalOptions } from '../renditions/canonical.js';
import type { ImageSource } from '../sources/source.js';
import { canBeRetried, hasEnded, type JobState } from './state.js';

/** Every kind of background work; the worker has a consumer and a processor for each. */
export const jobTypes = ['resize', 'export', 'batch', 'import', 'notify'] as const;
export type JobType = (typeof jobTypes)[number];

/** Who goes first; within one priority, first come, first served. */
export const priorities = ['low', 'normal', 'high'] as const;
export type Priority = (typeof priorities)[number];

/** One rendition that a resize job is to make. */
export interface RenditionRequest {
  readonly id: string;
  readonly name: string | null;
  readonly options: CanonicalOptions;
}

/**
 * What a resize job is to do: these renditions of its image, or those of one that it has yet to get. The member of a
 * batch says nothing: its batch knows what is wanted of them all. One that asks for no rendition can never be made.
 */
export type ResizeRequest =
  | { readonly renditions: readonly RenditionRequest[]; readonly source?: undefined }
  | { readonly source: ImageSource; readonly renditions?: undefined }
  | { readonly renditions?: undefined; readonly source?: undefined };

/** One rendition in the result of a resize job. */
export interface RenditionSummary {
  readonly id: string;
  readonly name: string | null;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly url: string;
}

/** What a completed resize job made (or found made). */
export interface ResizeResult {
  readonly imageId: string;
  readonly renditions: readonly RenditionSummary[];
}

/** What an export job is to do: its export's row says what. */
export interface ExportJobRequest {
  readonly exportId: string;
}

/** What a completed export job made. */
export interface ExportResult {
  readonly exportId: string;
  /** Rows, or files of an archive. */
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Batches and imports are rows of their own tables, under the ids of their jobs. */
export type ParentRequest = Readonly<Record<string, never>>;

/** What a job made, or has made so far. */
export type JobResult = ResizeResult | ExportResult | BatchResult | ImportResult | DeliveryResult;

/** What each type of job is asked for, and makes. */
export type JobWork =
  | { readonly type: 'resize'; readonly request: ResizeRequest; readonly result: ResizeResult | null }
  | { readonly type: 'export'; readonly request: ExportJobRequest; readonly result: ExportResult | null }
  | { readonly type: 'batch'; readonly request: ParentRequest; readonly result: BatchResult | null }
  | { readonly type: 'import'; readonly request: ParentRequest; readonly result: ImportResult | null }
  | { readonly type: 'notify'; readonly request: DeliveryRequest; readonly result: DeliveryResult | null };

/** A job as its row has it. */
export type JobRow = JobFacts & JobWork;

/** A job of one type. */
export type JobRowOf<Type extends JobType> = JobFacts & Extract<JobWork, { type: Type }>;

/** What a job is shown from. */
export type ShownJob = Omit<JobFacts, 'stepOf' | 'run' | 'cancelRequestedAt' | 'crashes' | 'traceparent'> &
  ShownWork<JobWork>;

type ShownWork<Work extends JobWork> = Work extends unknown ? Pick<Work, 'type' | 'result'> : never;

/** What every job's row has. */
export interface JobFacts extends JobOrigin {
  readonly id: string;
  readonly tenantId: string;
  readonly state: JobState;
  /** Per cent. */
  readonly progress: number;
  readonly priority: Priority;
  readonly attemptsMade: number;
  readonly attemptsMax: number;
  /** How often the worker process died by its own fault with this job in hand. */
  readonly crashes: number;
  readonly imageId: string | null;
  /** The batch or import whose member it is. */
  readonly parentId: string | null;
  /** The batch of which it is a step. */
  readonly stepOf: string | null;
  /** How often it was begun anew after it had ended. */
  readonly run: number;
  /** It does not start before. */
  readonly runAt: Date | null;
  /** When somebody asked to cancel it. */
  readonly cancelRequestedAt: Date | null;
  readonly error: ProblemJson | null;
  /** W3C Trace Context of that request. */
  readonly traceparent: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly version: number;
}

/** A job as the API shows it. */
export interface Job {
  readonly id: string;
  readonly type: JobType;
  readonly state: JobState;
  readonly progress: number;
  readonly attempts: { readonly made: number; readonly max: number };
  readonly priority: Priority;
  readonly imageId: string | null;
  readonly parentId: string | null;
  readonly runAt: string | null;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Milliseconds from creation to the first start; null before it. */
  readonly waitMs: number | null;
  /** Milliseconds from the first start to the end; null before it. */
  readonly runMs: number | null;
  readonly error: ProblemJson | null;
  readonly result: JobResult | null;
  readonly links: {
    readonly self: string;
    readonly events: string;
    readonly cancel?: string;
    readonly retry?: string;
    readonly result?: string;
  };
}

/** The weak entity tag of a job: its version counts every change that a client can see. */
export function jobEtag(row: Pick<JobRow, 'version'>): string {
  return `W/"${row.version}"`;
}

/** A row as the API shows it. */
export function presentJob(row: ShownJob): Job {
  return {
    id: row.id,
    type: row.type,
    state: row.state,
    progress: row.progress,
    attempts: { made: row.attemptsMade, max: row.attemptsMax },
    priority: row.priority,
    imageId: row.imageId,
    parentId: row.parentId,
    runAt: row.runAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    waitMs: row.startedAt && millisecondsBetween(row.createdAt, row.startedAt),
    runMs: row.startedAt && row.finishedAt && millisecondsBetween(row.startedAt, row.finishedAt),
    error: row.error,
    result: row.result,
    links: {
      self: jobPath(row.id),
      events: jobEventsPath(row.id),
      ...(!hasEnded(row.state) && { cancel: jobPath(row.id) }),
      ...(canBeRetried(row.state) && { retry: retryPath(row.id) }),
      ...resultLink(row),
    },
  };
}

/** Where what a job made is read. */
function resultLink(row: ShownJob): { result?: string } {
  if (row.state !== 'completed' || row.result === null) return {};
  switch (row.type) {
    case 'resize':
      return { result: renditionsPath(row.result.imageId) };
    case 'export':
      return { result: exportPath(row.result.exportId) };
    case 'import':
      return { result: importReportPath(row.id) };
    case 'batch':
    case 'notify':
      return {};
  }
}

/** Never negative: the clocks of two machines may differ. */
function millisecondsBetween(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime());
}
