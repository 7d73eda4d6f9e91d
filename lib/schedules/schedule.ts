import type { ProblemJson } from '../errors.js';

/** What a schedule runs: the body of `POST /v1/exports` or of `POST /v1/batches`, as it was given. */
export type ScheduledRun = { readonly export: object } | { readonly batch: object };

/** When a schedule runs: by a cron expression, or every so many milliseconds from its creation on. */
export type Rhythm =
  | { readonly cron: string; readonly everyMs: null }
  | { readonly cron: null; readonly everyMs: number };

/** A schedule as its row has it. */
export type ScheduleRow = Rhythm & {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  /** A zone of the IANA database; cron expressions are read in it. */
  readonly timezone: string;
  /** Each run begins up to so many seconds after its tick. */
  readonly jitterSeconds: number;
  readonly run: ScheduledRun;
  readonly enabled: boolean;
  readonly nextRunAt: Date | null;
  readonly lastRunAt: Date | null;
  readonly lastJobId: string | null;
  readonly lastError: ProblemJson | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

/** A schedule as the API shows it. */
export interface Schedule {
  readonly id: string;
  readonly name: string;
  readonly cron: string | null;
  readonly every: number | null;
  readonly timezone: string;
  readonly jitterSeconds: number;
  readonly run: ScheduledRun;
  readonly enabled: boolean;
  readonly nextRunAt: string | null;
  readonly lastRunAt: string | null;
  readonly lastJobId: string | null;
  readonly lastError: ProblemJson | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Where a schedule is read. */
export function schedulePath(id: string): string {
  return `/v1/schedules/${id}`;
}

/** A row as the API shows it. */
export function presentSchedule(row: ScheduleRow): Schedule {
  return {
    id: row.id,
    name: row.name,
    cron: row.cron,
    every: row.everyMs,
    timezone: row.timezone,
    jitterSeconds: row.jitterSeconds,
    run: row.run,
    enabled: row.enabled,
    nextRunAt: row.nextRunAt?.toISOString() ?? null,
    lastRunAt: row.lastRunAt?.toISOString() ?? null,
    lastJobId: row.lastJobId,
    lastError: row.lastError,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
