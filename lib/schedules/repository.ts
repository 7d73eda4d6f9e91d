import { Type } from 'typebox';
import { type Executor, jsonb } from '../database/client.js';
import type { ProblemJson } from '../errors.js';
import { createdFilters } from '../lists/created-filters.js';
import type { ListedDataset } from '../lists/list.js';
import type { ScheduleSettings } from './body.js';
import type { ScheduleRow } from './schedule.js';
import { ScheduleSchema } from './schema.js';

const columns = [
  'id',
  'tenantId',
  'name',
  'cron',
  'everyMs',
  'timezone',
  'jitterSeconds',
  'run',
  'enabled',
  'nextRunAt',
  'lastRunAt',
  'lastJobId',
  'lastError',
  'createdAt',
  'updatedAt',
] as const satisfies (keyof ScheduleRow)[];

/** Schedules as lists see them. */
export const scheduleList: ListedDataset<ScheduleRow> = {
  name: 'schedules',
  table: 'schedules',
  schema: ScheduleSchema,
  columns: {
    id: ['id'],
    name: ['name'],
    cron: ['cron'],
    every: ['everyMs'],
    timezone: ['timezone'],
    jitterSeconds: ['jitterSeconds'],
    run: ['run'],
    enabled: ['enabled'],
    nextRunAt: ['nextRunAt'],
    lastRunAt: ['lastRunAt'],
    lastJobId: ['lastJobId'],
    lastError: ['lastError'],
    createdAt: ['createdAt'],
    updatedAt: ['updatedAt'],
  },
  filters: {
    enabled: { column: 'enabled', type: 'boolean', operator: '=', schema: Type.Boolean() },
    ...createdFilters,
  },
};

/** Records a schedule. */
export async function insertSchedule(
  sql: Executor,
  about: Pick<ScheduleRow, 'id' | 'tenantId' | 'createdAt' | 'nextRunAt'>,
  { run, ...settings }: ScheduleSettings,
): Promise<ScheduleRow> {
  const values = { ...about, ...settings, run: jsonb(sql, run) };
  const [row] = await sql<ScheduleRow[]>`insert into schedules ${sql(values)} returning ${sql(columns)}`;
  if (!row) throw new Error('an insert returned no row');
  return row;
}

/** One schedule of a tenant, or undefined. */
export async function findSchedule(
  sql: Executor,
  tenantId: string,
  id: string,
): Promise<ScheduleRow | undefined> {
  const [row] = await sql<ScheduleRow[]>`
    select ${sql(columns)} from schedules where id = ${id} and tenant_id = ${tenantId}`;
  return row;
}

/** Changes what its owner sets; undefined when there is none of that id. */
export async function updateSchedule(
  sql: Executor,
  { tenantId, id }: Pick<ScheduleRow, 'tenantId' | 'id'>,
  { run, ...settings }: ScheduleSettings,
  nextRunAt: Date | null,
): Promise<ScheduleRow | undefined> {
  const values = { ...settings, run: jsonb(sql, run), nextRunAt };
  const [row] = await sql<ScheduleRow[]>`
    update schedules set ${sql(values)}, updated_at = now()
    where id = ${id} and tenant_id = ${tenantId} returning ${sql(columns)}`;
  return row;
}

/** Removes a schedule; its jobs stay. False: there is none of that id. */
export async function deleteSchedule(sql: Executor, tenantId: string, id: string): Promise<boolean> {
  const { count } = await sql`delete from schedules where id = ${id} and tenant_id = ${tenantId}`;
  return count > 0;
}

/** Schedules whose time has come; in no order, so that several processes begin with different ones. */
export async function dueSchedules(sql: Executor, limit: number): Promise<ScheduleRow[]> {
  const due = await sql<ScheduleRow[]>`
    select ${sql(columns)} from schedules where next_run_at <= now() order by next_run_at limit ${limit}`;
  return [...due].sort(() => Math.random() - 0.5);
}

/**
 * Claims a tick: moves the schedule on from the run that it was read with. Undo it with the transaction where
 * the run cannot be recorded.
 *
 * @param outcome the run's job, or why there is none
 * @returns false when another process has claimed it, or its owner has changed it meanwhile
 */
export async function claimRun(
  sql: Executor,
  { id, nextRunAt }: Pick<ScheduleRow, 'id' | 'nextRunAt'>,
  next: Date | null,
  outcome: { readonly jobId: string } | { readonly error: ProblemJson },
): Promise<boolean> {
  const [jobId, error] = 'jobId' in outcome ? [outcome.jobId, null] : [null, jsonb(sql, outcome.error)];
  const { count } = await sql`
    update schedules set next_run_at = ${next}, last_run_at = now(), last_job_id = ${jobId}, last_error = ${error}
    where id = ${id} and enabled and next_run_at = ${nextRunAt}`;
  return count > 0;
}
