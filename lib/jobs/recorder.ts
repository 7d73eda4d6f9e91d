import type { Database } from '../database/client.js';
import { shareStatement } from '../database/shared-statement.js';
import { Cancelled } from './cancelled.js';
import type { JobRow } from './job.js';
import { completeJobs, type JobEnd, type JobStart, startJobs } from './repository.js';

/** Records what a worker's jobs come to; those that begin, or end, at the same time share a statement. */
export interface JobRecorder {
  /** Takes a job in hand; see {@link startJobs}. Undefined: it has ended, or is not there. */
  start(start: JobStart): Promise<JobRow | undefined>;
  /**
   * Ends an active job well that has nothing else to record; see {@link completeJobs}.
   *
   * @throws Cancelled when it is to be cancelled
   */
  complete(end: JobEnd): Promise<void>;
}

/** Opens the recorder of one worker. */
export function openJobRecorder(database: Database, workerId: string): JobRecorder {
  const complete = shareStatement((ends: readonly JobEnd[]) =>
    database.query('jobs.complete', (sql) => completeJobs(sql, ends)),
  );
  return {
    start: shareStatement((starts: readonly JobStart[]) =>
      database.query('jobs.start', async (sql) => {
        const rows = await startJobs(sql, starts, workerId);
        const byId = new Map(rows.map((row) => [row.id, row]));
        return starts.map(({ id }) => byId.get(id));
      }),
    ),
    complete: async (end) => {
      if ((await complete(end)) === 'cancelling') throw new Cancelled();
    },
  };
}
