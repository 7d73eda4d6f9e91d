import type { Executor } from '../database/client.js';
import { type JobType, jobTypes } from './job.js';

/** The unfinished jobs of one type and state. */
export interface WaitingJobs {
  readonly type: JobType;
  /** `delayed` jobs are queued ones whose time has not come. */
  readonly state: 'queued' | 'delayed' | 'active';
  readonly count: number;
  /** Since when the oldest of them has been in this state. */
  readonly oldestAt: Date;
  readonly oldestSeconds: number;
}

/** The ended jobs of one type: how many there are, and how fast the last ones were. */
export interface EndedJobs {
  readonly type: JobType;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly throughputPerMinute: number;
  readonly waitMs: Percentiles;
  readonly runMs: Percentiles;
}

/** Milliseconds; null where there is nothing to count. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** Rows beyond are not counted: a figure for an operator's eye must not read a table of a hundred million. */
export const MAX_COUNTED = 100_000;
/** The jobs whose times are looked at: the last ones of the last hour. */
export const SAMPLE = { jobs: 1_000, hours: 1 } as const;

/** The unfinished jobs, by type and state. States that hold none are left out. */
export async function readWaiting(sql: Executor): Promise<WaitingJobs[]> {
  // A queued job waits since it was queued the last time, or since its time has come; an active one runs
  // since its first attempt.
  return sql<WaitingJobs[]>`
    select type, state, count(*) as count, min(since) as oldest_at,
      greatest(0, extract(epoch from now() - min(since)))::float8 as oldest_seconds
    from (
      select type,
        case when state = 'queued' and run_at > now() then 'delayed' else state end as state,
        case when state = 'active' then started_at
          when run_at > now() then created_at else greatest(updated_at, run_at) end as since
      from jobs where state in ('queued', 'active')
    ) as unfinished
    where type in ${sql(jobTypes)} group by type, state`;
}

/** The ended jobs of every type. */
export async function readEnded(sql: Executor): Promise<EndedJobs[]> {
  const rows = await sql<(Omit<EndedJobs, 'waitMs' | 'runMs'> & { wait: number[]; run: number[] })[]>`
    select types.type, counts.*,
      -- A sample that is full covers less than a minute where jobs end fast: then it tells the rate itself.
      case when sample.jobs = ${SAMPLE.jobs} and sample.oldest > now() - interval '1 minute'
        then sample.jobs / greatest(0.001, extract(epoch from now() - sample.oldest)) * 60
        else sample.last_minute end::float8 as throughput_per_minute,
      to_json(sample.wait) as wait, to_json(sample.run) as run
    from unnest(string_to_array(${jobTypes.join()}, ',')) as types (type)
    cross join lateral (
      select ${counted(sql, 'completed')} as completed, ${counted(sql, 'failed')} as failed,
        ${counted(sql, 'cancelled')} as cancelled
    ) as counts
    cross join lateral (
      select count(*) as jobs, min(finished_at) as oldest,
        count(*) filter (where finished_at > now() - interval '1 minute') as last_minute,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by ${span(sql, 'created_at', 'started_at')}) as wait,
        percentile_cont(array[0.5, 0.95, 0.99]) within group (order by ${span(sql, 'started_at', 'finished_at')}) as run
      from (
        select created_at, started_at, finished_at from jobs
        where jobs.type = types.type and state = 'completed' and finished_at > now() - make_interval(hours => ${SAMPLE.hours})
        order by finished_at desc limit ${SAMPLE.jobs}
      ) as ended
    ) as sample`;
  return rows.map(({ wait, run, ...row }) => ({
    ...row,
    waitMs: percentiles(wait),
    runMs: percentiles(run),
  }));
}

function counted(sql: Executor, state: 'completed' | 'failed' | 'cancelled') {
  return sql`(select count(*) from (
    select from jobs where jobs.type = types.type and state = ${state} and finished_at is not null limit ${MAX_COUNTED}
  ) as kept)`;
}

/** Milliseconds between two times; never negative, as the clocks of two machines may differ. */
function span(sql: Executor, from: string, to: string) {
  return sql`greatest(0, extract(epoch from ${sql(to)} - ${sql(from)}))::float8 * 1000`;
}

function percentiles(values: readonly number[] | null): Percentiles {
  const [p50, p95, p99] = (values ?? []).map((value) => Math.round(value));
  return { p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null };
}
