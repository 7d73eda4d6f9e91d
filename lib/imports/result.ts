import type { Executor } from '../database/client.js';
import { recordSoFar } from '../jobs/members.js';
import type { ImportResult, ImportRow } from './import.js';
import { countImportMembers, findImport } from './repository.js';

/** Where an import stands: its row, and what has come of it. */
export interface ImportState {
  readonly row: ImportRow;
  readonly result: ImportResult;
  /** Members that have not ended. */
  readonly unfinished: number;
}

/** Where an import stands now. @throws Error when it is gone */
export async function readImportState(sql: Executor, id: string): Promise<ImportState> {
  const [row, members] = await Promise.all([findImport(sql, id), countImportMembers(sql, id)]);
  if (!row) throw new Error('a job of type import has no import');
  const { read, accepted, rejected } = row;
  const { unfinished, failed, cancelled } = members;
  // The two were not read at the same moment.
  const completed = Math.max(0, accepted - unfinished - failed - cancelled);
  return {
    row,
    result: {
      rows: { read, accepted, rejected },
      members: { total: accepted, completed, failed, cancelled },
    },
    unfinished,
  };
}

/** Per cent: half of a row's work is to read it, half what its job does. The last is the import's own end. */
export function importProgress({ row, unfinished }: ImportState): number {
  const isRead = row.bytes === 0 ? 1 : row.position / row.bytes;
  const hasEnded = row.accepted === 0 ? 1 : Math.max(0, 1 - unfinished / row.accepted);
  return Math.min(99, Math.floor(50 * isRead * (1 + hasEnded)));
}

/** Says what an unfinished import has come to so far, where that is new. */
export async function recordImportResult(sql: Executor, state: ImportState): Promise<void> {
  await recordSoFar(sql, state.row.id, state.result, importProgress(state));
}
