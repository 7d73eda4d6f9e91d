import type { Database } from '../database/client.js';
import type { JobRow } from './job.js';
import { type JobStart, startJobs } from './repository.js';

/** Somebody who waits for their job to be marked as active. */
interface Waiting extends JobStart {
  readonly resolve: (job: JobRow | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Marks the jobs that a worker takes as active. Those that come while a statement is under way share the
 * next one: a statement and a commit for each would cost more than many a job.
 */
export class JobStarter {
  readonly #database: Database;
  readonly #workerId: string;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(database: Database, workerId: string) {
    this.#database = database;
    this.#workerId = workerId;
  }

  /**
   * Takes a job in hand; see {@link startJobs}.
   *
   * @param attempt which attempt this is, from 1
   */
  start(id: string, attempt: number): Promise<JobRow | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, attempt, resolve, reject });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const taken = this.#waiting;
      this.#waiting = [];
      try {
        const rows = await this.#database.query('jobs.start', (sql) => startJobs(sql, taken, this.#workerId));
        const byId = new Map(rows.map((row) => [row.id, row]));
        for (const { id, resolve } of taken) resolve(byId.get(id));
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
    }
    this.#busy = false;
  }
}
