import { Type } from 'typebox';
import { type Executor, jsonb } from '../database/client.js';
import { jobStates } from '../jobs/state.js';
import { createdFilters } from '../lists/created-filters.js';
import type { ListedDataset } from '../lists/list.js';
import type { ExportRow } from './export.js';
import { exportFormats } from './format.js';
import { datasetNames } from './request.js';
import { ExportSchema } from './schema.js';

const columns = [
  'id',
  'tenantId',
  'jobId',
  'dataset',
  'format',
  'compression',
  'request',
  'state',
  'rows',
  'bytes',
  'sha256',
  'createdAt',
  'finishedAt',
  'expiresAt',
] as const satisfies (keyof ExportRow)[];

/** Exports as lists see them. */
export const exportList: ListedDataset<ExportRow> = {
  name: 'exports',
  table: 'export_states',
  schema: ExportSchema,
  columns: {
    id: ['id'],
    jobId: ['jobId'],
    dataset: ['dataset'],
    format: ['format'],
    compression: ['compression'],
    state: ['state'],
    rows: ['rows'],
    bytes: ['bytes'],
    sha256: ['sha256'],
    createdAt: ['createdAt'],
    expiresAt: ['expiresAt'],
    url: ['id'],
  },
  filters: {
    dataset: { column: 'dataset', type: 'text', operator: '=', schema: Type.Enum([...datasetNames]) },
    format: { column: 'format', type: 'text', operator: '=', schema: Type.Enum([...exportFormats]) },
    state: { column: 'state', type: 'text', operator: '=', schema: Type.Enum([...jobStates, 'expired']) },
    ...createdFilters,
  },
};

/** What a new export starts from. */
export type NewExport = Pick<
  ExportRow,
  'id' | 'tenantId' | 'jobId' | 'dataset' | 'format' | 'compression' | 'request'
>;

/** Records an export, in one transaction with its job. */
export async function insertExport(sql: Executor, row: NewExport): Promise<void> {
  await sql`insert into exports ${sql({ ...row, request: jsonb(sql, row.request) })}`;
}

/** One export of a tenant, or undefined. */
export async function findExport(
  sql: Executor,
  tenantId: string,
  id: string,
): Promise<ExportRow | undefined> {
  const [row] = await sql<ExportRow[]>`
    select ${sql(columns)} from export_states where id = ${id} and tenant_id = ${tenantId}`;
  return row;
}

/** The file of a finished export. */
export type FinishedFile = Readonly<Record<'rows' | 'bytes', number>> & { readonly sha256: string };

/** Says what an export's file is, and until when it is kept. False: the export was removed meanwhile. */
export async function finishExport(
  sql: Executor,
  id: string,
  { rows, bytes, sha256 }: FinishedFile,
  ttlHours: number,
): Promise<boolean> {
  const { count } = await sql`
    update exports set rows = ${rows}, bytes = ${bytes}, sha256 = ${sha256},
      finished_at = now(), expires_at = now() + make_interval(hours => ${ttlHours})
    where id = ${id}`;
  return count > 0;
}

/** Removes an export's row. @returns it as it was; undefined when there is none */
export async function deleteExport(
  sql: Executor,
  tenantId: string,
  id: string,
): Promise<Pick<ExportRow, 'id' | 'jobId' | 'format' | 'compression'> | undefined> {
  const [row] = await sql<Pick<ExportRow, 'id' | 'jobId' | 'format' | 'compression'>[]>`
    delete from exports where id = ${id} and tenant_id = ${tenantId} returning id, job_id, format, compression`;
  return row;
}

/** Removes the rows of exports whose files were removed so many days ago: they answer 404 from then on. */
export async function forgetExports(sql: Executor, days: number): Promise<void> {
  await sql`delete from exports where removed_at < now() - make_interval(days => ${days})`;
}

/** Exports that have expired, and whose files are still there. */
export async function expiredExports(
  sql: Executor,
  limit: number,
): Promise<Pick<ExportRow, 'id' | 'format' | 'compression'>[]> {
  return sql<Pick<ExportRow, 'id' | 'format' | 'compression'>[]>`
    select id, format, compression from exports
    where expires_at <= now() and removed_at is null order by expires_at limit ${limit}`;
}

/** Says that the file of an expired export is gone. */
export async function markRemoved(sql: Executor, id: string): Promise<void> {
  await sql`update exports set removed_at = now() where id = ${id} and removed_at is null`;
}
