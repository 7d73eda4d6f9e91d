import type { Database } from '../database/client.js';
import type { ExportRequest } from './request.js';
import { type ExportPart, estimateStatement, extentStatement } from './statement.js';

/** Few enough to be read ahead, a megabyte or a few, and enough to be worth a statement. */
const PART_ROWS = 10_000;
/** A statement each; of a still larger export, parts are larger. */
const MOST_PARTS = 10_000;

/**
 * Cuts an export into parts of about as many rows each, in their order, that can be copied side by side.
 *
 * By what PostgreSQL knows of its tables: where it knows little, parts are of uneven size, and no row is
 * in two of them or in none. An export that is small is one part.
 */
export async function partsOf(
  database: Database,
  tenantId: string,
  request: ExportRequest,
): Promise<readonly ExportPart[]> {
  const rows = await expectedRows(database.of(tenantId), tenantId, request);
  const count = Math.min(MOST_PARTS, Math.round(rows / PART_ROWS));
  const cuts = count > 1 ? await cutsOf(database, tenantId, request, count) : [];
  const ends = [undefined, ...cuts.map((time) => new Date(time)), undefined];
  const parts = cuts.concat(0).map((_, index) => ({ from: ends[index], before: ends[index + 1] }));
  if (request.sort === '-createdAt') parts.reverse();
  return parts.map((part, index) => ({ ...part, isFirst: index === 0 }));
}

/** As many rows as the planner expects: it knows its tables by samples, and answers at once. */
async function expectedRows(database: Database, tenantId: string, request: ExportRequest): Promise<number> {
  const [row] = await database.query('exports.estimate', (sql) =>
    sql.unsafe<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }[]>(estimateStatement(request, tenantId)),
  );
  return row?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
}

/** Times, in ms, between which there are about as many rows each: by the tenant's first and last, and a sample. */
async function cutsOf(
  database: Database,
  tenantId: string,
  request: ExportRequest,
  count: number,
): Promise<number[]> {
  const [extent] = await database.query('exports.extent', (sql) =>
    sql.unsafe<{ first: Date | null; last: Date | null; sample: Date[] | null }[]>(
      extentStatement(request, tenantId),
    ),
  );
  if (!extent?.first || !extent.last) return [];
  const [first, last] = [extent.first.getTime(), extent.last.getTime()];
  const between = (extent.sample ?? []).map((time) => time.getTime()).filter((t) => t > first && t < last);
  const marks = [first, ...between, last];
  const cuts = Array.from({ length: count - 1 }, (_, index) => at(marks, (index + 1) / count));
  return [...new Set(cuts)].sort((a, b) => a - b);
}

/** The time at a share of all rows, to the millisecond: in a straight line between its neighbours. */
function at(marks: readonly number[], share: number): number {
  const place = share * (marks.length - 1);
  const [before = 0, after = before] = marks.slice(Math.floor(place));
  return Math.round(before + (after - before) * (place % 1));
}
