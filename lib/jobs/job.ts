import type { ProblemJson } from '../errors.js';
import { exportPath, jobPath, renditionsPath } from '../paths.js';
import type { CanonicalOptions } from '../renditions/canonical.js';

/** Every kind of background work; the worker has a consumer and a processor for each. */
export const jobTypes = ['resize', 'export'] as const;
export type JobType = (typeof jobTypes)[number];

/** Where a job stands; the last three are its ends. */
export const jobStates = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobState = (typeof jobStates)[number];

/** Who goes first; within one priority, first come, first served. */
export const priorities = ['low', 'normal', 'high'] as const;
export type Priority = (typeof priorities)[number];

/** One rendition that a resize job is to make. */
export interface RenditionRequest {
  readonly id: string;
  readonly name: string | null;
  readonly options: CanonicalOptions;
}

/** What a resize job is to do: these renditions of this image. */
export interface ResizeRequest {
  readonly renditions: readonly RenditionRequest[];
}

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

/** What a completed job made. */
export type JobResult = ResizeResult | ExportResult;

/** What each type of job is asked for, and makes. */
export type JobWork =
  | { readonly type: 'resize'; readonly request: ResizeRequest; readonly result: ResizeResult | null }
  | { readonly type: 'export'; readonly request: ExportJobRequest; readonly result: ExportResult | null };

/** A job as its row has it. */
export type JobRow = JobFacts & JobWork;

/** A job of one type. */
export type JobRowOf<Type extends JobType> = JobFacts & Extract<JobWork, { type: Type }>;

/** What every job's row has. */
export interface JobFacts {
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
  readonly error: ProblemJson | null;
  /** The HTTP request that asked for it; stands in the logs of both. */
  readonly requestId: string | null;
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
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  /** Milliseconds from creation to the first start; null before it. */
  readonly waitMs: number | null;
  /** Milliseconds from the first start to the end; null before it. */
  readonly runMs: number | null;
  readonly error: ProblemJson | null;
  readonly result: JobResult | null;
  readonly links: { readonly self: string; readonly result?: string };
}

/** Whether a state is an end: nothing changes after it. */
export function hasEnded(state: JobState): boolean {
  return state !== 'queued' && state !== 'active';
}

/** The weak entity tag of a job: its version counts every change that a client can see. */
export function jobEtag(row: Pick<JobRow, 'version'>): string {
  return `W/"${row.version}"`;
}

/** A row as the API shows it. */
export function presentJob(row: JobRow): Job {
  return {
    id: row.id,
    type: row.type,
    state: row.state,
    progress: row.progress,
    attempts: { made: row.attemptsMade, max: row.attemptsMax },
    priority: row.priority,
    imageId: row.imageId,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    waitMs: row.startedAt && millisecondsBetween(row.createdAt, row.startedAt),
    runMs: row.startedAt && row.finishedAt && millisecondsBetween(row.startedAt, row.finishedAt),
    error: row.error,
    result: row.result,
    links: {
      self: jobPath(row.id),
      ...(row.state === 'completed' && row.result && { result: resultPath(row.result) }),
    },
  };
}

/** Where what a job made is read. */
function resultPath(result: JobResult): string {
  return 'exportId' in result ? exportPath(result.exportId) : renditionsPath(result.imageId);
}

/** Never negative: the clocks of two machines may differ. */
function millisecondsBetween(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime());
}
