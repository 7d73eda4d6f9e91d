import type { MessagePort } from 'node:worker_threads';
import { openDatabase } from '../lib/database/client.js';
import { Problem, type ProblemJson } from '../lib/errors.js';
import type { FinishedFile } from '../lib/exports/repository.js';
import { type ExportTask, writeExport } from '../lib/exports/write-export.js';
import { Cancelled } from '../lib/jobs/cancelled.js';
import { createLogger, type ServiceLogger } from '../lib/logger.js';
import { openFileStore } from '../lib/storage/file-store.js';

/** What the export thread is given. */
export interface ExportThreadTask extends ExportTask {
  readonly databaseUrl: string;
  /** Whether PostgreSQL runs on this machine, as a part of ours. */
  readonly isOurs: boolean;
  readonly statementTimeoutMs: number;
  readonly slowQueryMs: number;
  /** Whether PostgreSQL itself keeps the export to its tenant's rows. */
  readonly rowSecurity: boolean;
  readonly logLevel: string;
  /** Folder of the store. */
  readonly storeFolder: string;
  readonly timeoutSeconds: number;
  /** Where to post how far it is, 0 to 1; a message from there cancels it. */
  readonly progress: MessagePort;
}

/** A file that stands, or why not; what is no problem is thrown. */
export type ExportOutcome =
  | { readonly ok: true; readonly file: FinishedFile }
  | { readonly ok: false; readonly problem: ProblemJson };

let log: ServiceLogger | undefined;

/**
 * The entry of the export thread: PostgreSQL's rows, compression and file formats take CPU time that
 * neither the API nor the consumers of jobs may be without.
 */
export default async function exportFile(task: ExportThreadTask): Promise<ExportOutcome> {
  const { databaseUrl, isOurs, statementTimeoutMs, slowQueryMs, rowSecurity, tenantId, progress } = task;
  // One a thread: each has something to do when the thread ends.
  log ??= createLogger('export', { level: task.logLevel, pretty: false });
  const database = openDatabase({
    url: databaseUrl,
    applicationName: 'halftone-export-thread',
    poolSize: 1,
    statementTimeoutMs,
    slowQueryMs,
    rowSecurity,
    log,
  });
  const cancelled = new AbortController();
  progress.once('message', () => cancelled.abort(new Cancelled()));
  const signal = AbortSignal.any([AbortSignal.timeout(task.timeoutSeconds * 1000), cancelled.signal]);
  try {
    const store = await openFileStore(task.storeFolder);
    const onProgress = (share: number): void => progress.postMessage(share);
    const seenBy = rowSecurity ? tenantId : undefined;
    const deps = { databaseUrl, isOurs, database, log, store, seenBy };
    const file = await writeExport(deps, task, { signal, onProgress });
    return { ok: true, file };
  } catch (error) {
    cancelled.signal.throwIfAborted();
    if (signal.aborted) return { ok: false, problem: timedOut(task.timeoutSeconds).toJSON() };
    if (!(error instanceof Problem)) throw error;
    return { ok: false, problem: error.toJSON() };
  } finally {
    await database.close();
  }
}

function timedOut(seconds: number): Problem {
  return new Problem('JOB_TIMED_OUT', `The export was not finished in ${seconds} s.`);
}
