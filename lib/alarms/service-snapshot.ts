import type { Executor } from '../database/client.js';
import { countWorkers } from '../jobs/heartbeat.js';
import { type JobType, jobTypes } from '../jobs/job.js';
import { findPaused } from '../jobs/operate.js';
import { readWaiting } from '../jobs/queue-stats.js';

/** How the whole service fares. */
export interface ServiceSnapshot {
  /** The job of each type that has been running longest. Those that wait for other jobs are left out. */
  readonly running: readonly { readonly type: JobType; readonly id: string; readonly seconds: number }[];
  /** Jobs that failed for good in the last minutes, by type. */
  readonly failed: readonly {
    readonly type: JobType;
    readonly count: number;
    readonly lastId: string;
    readonly lastCode: string;
  }[];
  /** Jobs that wait, by type, now and a while ago. Those of paused queues are left out: somebody wants them to. */
  readonly backlog: readonly Backlog[];
  /** Worker processes that are alive. */
  readonly workers: number;
}

/** The jobs of one type that wait. */
export interface Backlog extends BacklogSample {
  readonly queuedBefore: number;
  readonly oldestSecondsBefore: number;
}

/** The jobs of one type that wait at one moment. */
export interface BacklogSample {
  readonly type: JobType;
  readonly queued: number;
  readonly oldestSeconds: number;
}

/** What was seen a while ago; plain JSON. `at` is milliseconds since the epoch. */
export interface BacklogHistory {
  readonly at: number;
  readonly samples: readonly BacklogSample[];
}

/** A batch or an import runs for as long as its members do: they are looked at themselves. */
const LONG_BY_NATURE: readonly JobType[] = ['batch', 'import'];
/** How long a job that failed for good is news, in seconds; and how many of them are counted. */
const FAILED_SECONDS = 300;
const MAX_FAILED = 10_000;
/** "A while ago" is between one and two of these, in ms. */
const TREND_MS = 60_000;

/** Looks at the record. @param history what earlier looks saw, from {@link remember} */
export async function readService(
  sql: Executor,
  history: readonly BacklogHistory[],
): Promise<{ snapshot: ServiceSnapshot; samples: BacklogSample[] }> {
  const [waiting, running, failed, paused, workers] = await Promise.all([
    readWaiting(sql),
    longestRunning(sql),
    recentlyFailed(sql),
    findPaused(sql),
    countWorkers(sql),
  ]);
  const samples = waiting
    .filter(({ type, state }) => state === 'queued' && !paused.has(type))
    .map(({ type, count, oldestSeconds }) => ({ type, queued: count, oldestSeconds }));
  return { snapshot: { running, failed, backlog: compare(samples, history), workers }, samples };
}

/** Keeps as many looks as "a while ago" needs. @param now milliseconds since the epoch */
export function remember(
  history: readonly BacklogHistory[],
  samples: readonly BacklogSample[],
  now: number,
): BacklogHistory[] {
  const [newest] = history.slice(-1);
  if (newest && now - newest.at < TREND_MS) return [...history];
  return [...history.slice(-1), { at: now, samples }];
}

/** The first look is compared with itself: it says nothing of growth. */
function compare(samples: readonly BacklogSample[], history: readonly BacklogHistory[]): Backlog[] {
  const before = new Map(history[0]?.samples.map((sample) => [sample.type, sample]));
  return samples.map((sample) => {
    const then = before.get(sample.type) ?? (history.length > 0 ? undefined : sample);
    return {
      ...sample,
      queuedBefore: then?.queued ?? 0,
      oldestSecondsBefore: then?.oldestSeconds ?? 0,
    };
  });
}

async function longestRunning(sql: Executor) {
  return sql<{ type: JobType; id: string; seconds: number }[]>`
    select distinct on (type) type, id, extract(epoch from now() - started_at)::float8 as seconds from jobs
    where state in ('queued', 'active') and state = 'active' and not (type in ${sql(LONG_BY_NATURE)})
    order by type, started_at`;
}

async function recentlyFailed(sql: Executor) {
  return sql<{ type: JobType; count: number; lastId: string; lastCode: string }[]>`
    select types.type, failed.* from unnest(string_to_array(${jobTypes.join()}, ',')) as types (type)
    cross join lateral (
      select count(*) as count, (array_agg(id))[1] as last_id, coalesce((array_agg(code))[1], 'INTERNAL') as last_code
      from (
        select id, error ->> 'code' as code from jobs
        where jobs.type = types.type and state = 'failed'
          and finished_at > now() - make_interval(secs => ${FAILED_SECONDS})
        order by finished_at desc limit ${MAX_FAILED}
      ) as latest
    ) as failed where failed.count > 0`;
}
