import type { Config } from '../config.js';
import type { Database } from '../database/client.js';
import { Problem } from '../errors.js';
import type { Dispatched, Dispatcher } from '../jobs/dispatcher.js';
import type { JobRow } from '../jobs/job.js';
import { listPresets } from '../presets/repository.js';
import { sourceRules } from '../sources/rules.js';
import type { BlobStore } from '../storage/blob-store.js';
import { importKey } from '../storage/keys.js';
import { queuedJobsQuota } from '../tenants/repository.js';
import { CsvReader, type CsvRecord } from './csv-reader.js';
import type { ImportRow, Rejection } from './import.js';
import { memberIds } from './member-id.js';
import { type RowRules, readRow } from './read-row.js';
import { type RowsRead, recordRows } from './repository.js';

/** What rows become jobs with. */
export interface RecordDeps {
  readonly database: Database;
  readonly store: BlobStore;
  readonly dispatcher: Dispatcher;
  readonly config: Pick<
    Config,
    'allowPrivateHosts' | 'allowedSourceHosts' | 'importFolder' | 'maxQueuedJobs'
  >;
  /** Aborts when the worker is to end: an import is long, and another worker goes on with it. */
  readonly stopping: AbortSignal;
}

/** Why the reading of an import stopped. */
export type RecordOutcome =
  /** All rows are recorded. */
  | 'done'
  /** So many jobs wait, of all or of its tenant, that this import holds back; or this worker is to end. */
  | 'paused'
  /** Another worker reads it, or it has ended, or is to be cancelled. */
  | 'left';

type ImportJob = Pick<JobRow, 'tenantId' | 'priority' | 'attemptsMax'>;

/** Most rows in one statement. */
const MOST_ROWS = 1_000;
/** What an import adds at a time is at most this part of the backlog that there may be. */
const PART_OF_BACKLOG = 10;

/**
 * Makes jobs of the rows of an import, from where the reading was left: records some of them while the queue
 * takes those before. It can be cut off anywhere, and done twice. The file is read no faster than that.
 *
 * @param onRecorded called now and then, after rows were recorded and handed over
 */
export async function recordImport(
  deps: RecordDeps,
  job: ImportJob,
  row: ImportRow,
  signal: AbortSignal,
  onRecorded: () => Promise<void>,
): Promise<RecordOutcome> {
  const { database, dispatcher, stopping } = deps;
  if (row.position >= row.bytes) return 'done';
  const rules = await rulesOf(deps, row);
  const most = await mostRows(deps, row.tenantId);
  let handingOver: Promise<void> = Promise.resolve();
  try {
    for await (const records of partsOf(deps, row, most, signal)) {
      signal.throwIfAborted();
      if (stopping.aborted || (await dispatcher.isBusy())) return 'paused';
      const part = read(row.id, records, rules);
      // While the database writes these, the queue takes those before.
      const recorded = await database
        .query('imports.recordRows', (sql) => recordRows(sql, row.id, part))
        .catch(unlessOverQuota);
      if (recorded === undefined) return 'paused';
      if (!recorded) return 'left';
      await handingOver;
      handingOver = dispatcher.dispatch(...part.members.map(({ id }) => dispatched(id, job)));
      await onRecorded();
    }
    return 'done';
  } finally {
    await handingOver;
  }
}

/** Rows a statement: a tenant's quota of jobs that wait takes a part at a time. */
async function mostRows({ database, config }: RecordDeps, tenantId: string): Promise<number> {
  const quota = await database.query('tenants.quota', (sql) => queuedJobsQuota(sql, tenantId));
  const ofQuota = quota > 0 ? Math.floor(quota / 2) : MOST_ROWS;
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(config.maxQueuedJobs / PART_OF_BACKLOG), ofQuota));
}

/** Undefined where the tenant has as much under way as it may: there will be room again. */
function unlessOverQuota(error: unknown): undefined {
  if (error instanceof Problem && (error.code === 'QUOTA_EXCEEDED' || error.code === 'QUOTA_USED_UP'))
    return undefined;
  throw error;
}

async function rulesOf({ database, config }: RecordDeps, row: ImportRow): Promise<RowRules> {
  const presets = await database.query('presets.list', (sql) => listPresets(sql, row.tenantId));
  return {
    columns: row.columns,
    presets: new Set(presets.map(({ name }) => name)),
    outbound: sourceRules(config),
    importFolder: config.importFolder,
  };
}

/** Records of the CSV that are read, and where they begin and end. */
interface Part extends Pick<RowsRead, 'from' | 'to'> {
  readonly records: readonly CsvRecord[];
}

/** The rows from where the import was left, some at a time; the last part ends with the file. */
async function* partsOf(
  { store }: RecordDeps,
  row: ImportRow,
  most: number,
  signal: AbortSignal,
): AsyncGenerator<Part> {
  const file = await store.open(importKey(row.id), { start: row.position, end: row.bytes - 1 });
  const reader = new CsvReader({ offset: row.position, line: row.line });
  let from = row.position;
  let records: CsvRecord[] = [];
  const take = function* (more: Iterable<CsvRecord>): Generator<Part> {
    for (const record of more) {
      records.push(record);
      if (records.length < most) continue;
      yield { from, to: record.end, records };
      from = record.end.offset;
      records = [];
    }
  };
  try {
    for await (const chunk of file.stream) {
      signal.throwIfAborted();
      yield* take(reader.take(chunk));
    }
    yield* take(reader.end());
    // Also where nothing but empty lines is left: the position says that all is read.
    if (from < row.bytes) yield { from, to: { ...reader.position, offset: row.bytes }, records };
  } finally {
    await file.close();
  }
}

function read(importId: string, { from, to, records }: Part, rules: RowRules): RowsRead {
  const idOf = memberIds(importId);
  const members: RowsRead['members'][number][] = [];
  const rejections: Rejection[] = [];
  for (const record of records) {
    try {
      members.push({ id: idOf(record.line), source: readRow(record, rules) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      rejections.push({ line: record.line, code: error.code, detail: error.message });
    }
  }
  return { from, to, members, rejections };
}

function dispatched(id: string, { tenantId, priority, attemptsMax }: ImportJob): Dispatched {
  return { id, tenantId, type: 'resize', priority, attemptsMax, run: 0, runAt: null };
}
