import type { Database, Executor } from '../database/client.js';
import type { ProblemJson } from '../errors.js';
import type { Rejection } from './import.js';
import { memberIds } from './member-id.js';

/** Rows of the report that are read at a time. */
const PAGE = 1_000;

/**
 * The rows of an import that came to nothing, and why, by line: those that became no job and those whose job
 * failed. A CSV (RFC 4180) of what is known so far, read a page at a time: no snapshot is held for a slow reader.
 */
export async function* importReport(database: Database, importId: string): AsyncGenerator<string> {
  yield 'line,code,detail\r\n';
  for (let after = 0; ; ) {
    const rows = await database.query('imports.report', (sql) => faultsAfter(sql, importId, after));
    // Every detail is quoted, and begins with a word of ours: no spreadsheet takes it for a formula.
    if (rows.length > 0) yield rows.map(lineOf).join('');
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.line;
  }
}

function lineOf({ line, code, detail }: Rejection): string {
  return `${line},${code},"${detail.replaceAll('"', '""')}"\r\n`;
}

async function faultsAfter(sql: Executor, importId: string, after: number): Promise<Rejection[]> {
  const idOf = memberIds(importId);
  const [rejected, failed] = await Promise.all([
    sql<Rejection[]>`
      select line, code, detail from import_rejections
      where import_id = ${importId} and line > ${after} order by line limit ${PAGE}`,
    // The ids of members are in the order of their lines.
    sql<{ line: number; error: ProblemJson }[]>`
      select (request -> 'source' ->> 'line')::int as line, error from jobs
      where parent_id = ${importId} and state in ('failed', 'cancelled') and state = 'failed' and id > ${idOf(after)}
      order by id limit ${PAGE}`,
  ]);
  const faults = failed.map(({ line, error }) => ({ line, code: error.code, detail: error.detail }));
  return [...rejected, ...faults].sort((a, b) => a.line - b.line).slice(0, PAGE);
}
