import { rm } from 'node:fs/promises';
import { MessageChannel } from 'node:worker_threads';
import type { Config } from '../../lib/config.js';
import type { Database } from '../../lib/database/client.js';
import { Problem } from '../../lib/errors.js';
import type { ExportRow } from '../../lib/exports/export.js';
import { exportExtension } from '../../lib/exports/format.js';
import { type FinishedFile, findExport, finishExport } from '../../lib/exports/repository.js';
import type { JobRowOf } from '../../lib/jobs/job.js';
import { completeJob } from '../../lib/jobs/repository.js';
import type { BlobStore } from '../../lib/storage/blob-store.js';
import { exportKey, storePath } from '../../lib/storage/keys.js';
import type { ExportThread } from '../export-thread.js';
import type { JobContext, Processor } from './processor.js';

/** What the export processor works with. */
export interface ExportDeps {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly store: BlobStore;
  readonly thread: ExportThread;
  readonly config: Pick<
    Config,
    | 'dataDir'
    | 'databaseUrl'
    | 'exportTimeoutSeconds'
    | 'exportTtlHours'
    | 'statementTimeoutMs'
    | 'slowQueryMs'
    | 'rowSecurity'
    | 'logLevel'
  >;
}

/** Has the file of an export written, puts it into the store and ends the job. */
export function exportProcessor(deps: ExportDeps): Processor<'export'> {
  return {
    type: 'export',
    run: async (job, context) => {
      const row = await deps.database.query('exports.find', (sql) =>
        findExport(sql, job.tenantId, job.request.exportId),
      );
      if (!row) throw exportGone();
      const outputPath = deps.store.temporaryPath();
      try {
        const file = await write(deps, row, outputPath, context);
        await finish(deps, job, row, outputPath, file);
      } finally {
        await rm(outputPath, { force: true });
      }
    },
  };
}

async function write(
  { thread, config, databaseUrl }: ExportDeps,
  { tenantId, request }: ExportRow,
  outputPath: string,
  context: JobContext,
): Promise<FinishedFile> {
  const { port1, port2 } = new MessageChannel();
  let recorded: Promise<void> = Promise.resolve();
  let last = 0;
  port1.on('message', (share: number) => {
    // The last per cent is the job's own end.
    const percent = Math.min(99, Math.floor(share * 100));
    if (percent <= last) return;
    last = percent;
    // Progress is for the eye: a step that could not be recorded does not fail the work.
    recorded = recorded.then(() => context.progress(percent)).catch(() => undefined);
  });
  const cancel = (): void => port1.postMessage('cancel');
  context.signal.addEventListener('abort', cancel, { once: true });
  try {
    const outcome = await thread.run({
      tenantId,
      body: request,
      outputPath,
      databaseUrl,
      isOurs: config.databaseUrl === undefined,
      storeFolder: storePath(config.dataDir),
      statementTimeoutMs: config.statementTimeoutMs,
      slowQueryMs: config.slowQueryMs,
      rowSecurity: config.rowSecurity === 'on',
      logLevel: config.logLevel,
      timeoutSeconds: config.exportTimeoutSeconds,
      progress: port2,
    });
    if (!outcome.ok) throw new Problem(outcome.problem.code, outcome.problem.detail);
    return outcome.file;
  } finally {
    context.signal.removeEventListener('abort', cancel);
    port1.close();
    await recorded;
  }
}

/** All or nothing, and once: of two deliveries the first to come here has made the file. */
async function finish(
  { database, store, config }: ExportDeps,
  job: JobRowOf<'export'>,
  row: ExportRow,
  outputPath: string,
  file: FinishedFile,
): Promise<void> {
  await database.transaction('exports.finish', async (sql) => {
    if (!(await completeJob(sql, job.id, { exportId: row.id, ...file }))) return;
    if (!(await finishExport(sql, row.id, file, config.exportTtlHours))) throw exportGone();
    await store.put(exportKey(row.id, exportExtension(row)), outputPath, { synced: true });
  });
}

function exportGone(): Problem {
  return new Problem('EXPORT_NOT_FOUND', 'The export was deleted before its file was made.');
}
