import { readBatchBody } from '../batches/body.js';
import { invalidField, Problem, type ProblemOptions } from '../errors.js';
import { readExportBody } from '../exports/body.js';
import { outsider } from '../keys/caller.js';
import { assertRhythm } from './rhythm.js';
import type { Rhythm, ScheduledRun, ScheduleRow } from './schedule.js';

/** What an owner sets, as the API's bodies spell it. */
export interface ScheduleBody {
  readonly name: string;
  readonly cron?: string;
  readonly every?: number;
  readonly timezone: string;
  readonly jitterSeconds?: number;
  readonly run: object;
  readonly enabled: boolean;
}

/** What an owner sets, checked. */
export type ScheduleSettings = Rhythm &
  Pick<ScheduleRow, 'name' | 'timezone' | 'jitterSeconds' | 'run' | 'enabled'>;

/** A thousand nightly schedules begin over half a minute; who counts from a moment of their own has spread already. */
const CRON_JITTER_SECONDS = 30;

/**
 * Checks a new schedule.
 *
 * @throws Problem VALIDATION_FAILED, FIELD_UNKNOWN or what its run is refused with (400), naming the field
 */
export function readSchedule(body: ScheduleBody): ScheduleSettings {
  const { name, timezone, enabled } = body;
  const rhythm = rhythmOf(body.cron, body.every);
  assertRhythm(rhythm, timezone);
  const jitterSeconds = body.jitterSeconds ?? (rhythm.cron === null ? 0 : CRON_JITTER_SECONDS);
  return { ...rhythm, name, timezone, jitterSeconds, run: readRun(body.run), enabled };
}

/**
 * Checks a change: what it does not name stays.
 *
 * @throws Problem as {@link readSchedule}
 */
export function changeSchedule(row: ScheduleRow, change: Partial<ScheduleBody>): ScheduleSettings {
  const keepsRhythm = change.cron === undefined && change.every === undefined;
  const { cron, every, ...rest } = change;
  return readSchedule({
    name: row.name,
    timezone: row.timezone,
    jitterSeconds: row.jitterSeconds,
    run: row.run,
    enabled: row.enabled,
    ...(keepsRhythm ? (row.cron === null ? { every: row.everyMs } : { cron: row.cron }) : {}),
    ...(cron !== undefined && { cron }),
    ...(every !== undefined && { every }),
    ...rest,
  });
}

function rhythmOf(cron: string | undefined, every: number | undefined): Rhythm {
  if (cron !== undefined && every === undefined) return { cron, everyMs: null };
  if (every !== undefined && cron === undefined) return { cron: null, everyMs: every };
  throw invalidField('cron', 'or every says when; a schedule takes one of the two');
}

function readRun(run: object): ScheduledRun {
  if ('export' in run && isObject(run.export)) {
    const { export: body } = run;
    under('run.export', () => readExportBody({ ...body }, outsider));
    return { export: body };
  }
  if ('batch' in run && isObject(run.batch)) {
    const { batch: body } = run;
    under('run.batch', () => readBatchBody({ ...body }));
    return { batch: body };
  }
  throw invalidField('run', 'says nothing; it takes one of export and batch');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** What is wrong with a body inside of another is named by its place there. */
function under(path: string, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const errors = error.errors?.map((each) => ({ ...each, path: `${path}.${each.path}` }));
    const options: ProblemOptions = { cause: error, ...(errors && { errors }) };
    throw new Problem(error.code, `${path}.${error.message}`, options);
  }
}
