import { type Executor, jsonb } from '../database/client.js';
import type { CsvPosition } from './csv-reader.js';
import type { ImportRow, ImportSource, Rejection } from './import.js';

const columns = [
  'id',
  'tenantId',
  'columns',
  'bytes',
  'position',
  'line',
  'read',
  'accepted',
  'rejected',
  'run',
] as const satisfies (keyof ImportRow)[];

/** Records an import, in one transaction with its job. */
export async function insertImport(
  sql: Executor,
  { columns: named, ...row }: Pick<ImportRow, 'id' | 'tenantId' | 'columns' | 'bytes' | 'position' | 'line'>,
): Promise<void> {
  await sql`insert into imports ${sql({ ...row, columns: jsonb(sql, named) })}`;
}

/** One import, or undefined. */
export async function findImport(sql: Executor, id: string): Promise<ImportRow | undefined> {
  const [row] = await sql<ImportRow[]>`select ${sql(columns)} from imports where id = ${id}`;
  return row;
}

/** Some rows of an import, one after the other. */
export interface RowsRead {
  /** Where they begin: what is recorded must reach up to here. */
  readonly from: number;
  readonly to: CsvPosition;
  readonly members: readonly { readonly id: string; readonly source: ImportSource }[];
  readonly rejections: readonly Rejection[];
}

/**
 * Records rows, as jobs or as rejected, and how far the import has been read, all or nothing. The row of the
 * import's job is locked meanwhile: whoever cancels it finds all of its members.
 *
 * @returns false when it recorded nothing: another worker has read on, or the import has ended or is to be cancelled
 */
export async function recordRows(sql: Executor, importId: string, rows: RowsRead): Promise<boolean> {
  const { from, to, rejections } = rows;
  const members = rows.members.map(({ id, source }) => ({ id, request: { source } }));
  const [moved] = await sql<{ count: number }[]>`
    with parent as (
      select id, tenant_id, priority, attempts_max, request_id, traceparent from jobs
      where id = ${importId} and state in ('queued', 'active') and cancel_requested_at is null for share
    ), moved as (
      update imports set position = ${to.offset}, line = ${to.line}, accepted = accepted + ${members.length},
        rejected = rejected + ${rejections.length}, read = read + ${members.length + rejections.length}
      from parent where imports.id = parent.id and imports.position = ${from} returning imports.id
    ), made as (
      insert into jobs (id, tenant_id, type, state, priority, attempts_max, parent_id, request, request_id, traceparent)
      select member.id, parent.tenant_id, 'resize', 'queued', parent.priority, parent.attempts_max, parent.id,
        member.request, parent.request_id, parent.traceparent
      from moved cross join parent
        cross join jsonb_to_recordset(${jsonb(sql, members)}) as member (id uuid, request jsonb)
      on conflict (id) do nothing
    ), refused as (
      insert into import_rejections (import_id, line, code, detail)
      select moved.id, line, code, detail
      from moved cross join jsonb_to_recordset(${jsonb(sql, rejections)}) as row (line integer, code text, detail text)
      on conflict do nothing
    )
    select count(*) as count from moved`;
  return moved !== undefined && moved.count > 0;
}

/** How the members of an import stand. */
export interface ImportMembers {
  readonly unfinished: number;
  readonly failed: number;
  readonly cancelled: number;
}

/** Counts those members that have not completed: few, however many there are. */
export async function countImportMembers(sql: Executor, importId: string): Promise<ImportMembers> {
  const [counts] = await sql<ImportMembers[]>`
    select
      (select count(*) from jobs where parent_id = ${importId} and state in ('queued', 'active')) as unfinished,
      (select count(*) from jobs where parent_id = ${importId} and state in ('failed', 'cancelled') and state = 'failed') as failed,
      (select count(*) from jobs where parent_id = ${importId} and state in ('failed', 'cancelled') and state = 'cancelled') as cancelled`;
  if (!counts) throw new Error('a count returned no row');
  return counts;
}

/** Says that the members are those of this run now. */
export async function beginImportRun(sql: Executor, id: string, run: number): Promise<void> {
  await sql`update imports set run = ${run} where id = ${id} and run < ${run}`;
}
