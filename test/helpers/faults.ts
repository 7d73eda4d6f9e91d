import { readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import type { Uploaded } from './client.js';
import { formOf, type UploadParts } from './client.js';
import { connect } from './embedded-postgres.js';
import { eventually } from './events.js';
import { picture } from './pictures.js';
import type { Service } from './service.js';
import type { Teardown } from './services.js';

/** Lets a service notice a dead worker soon, and look after its jobs often. */
export const hasty = { JOB_LOCK_SECONDS: '1', MAINTENANCE_SECONDS: '1' } as const;

/** Waits until a job is as wanted, by long polls. @throws Error when it ends otherwise */
export async function jobWhen(
  url: string,
  { id }: Pick<Job, 'id'>,
  wanted: (job: Job) => boolean,
): Promise<Job> {
  let seen: string | null = null;
  for (;;) {
    // Without a tag the first answer would wait for the job's end.
    const changed = seen === null ? {} : { prefer: 'wait=20', 'if-none-match': seen };
    const response = await fetch(`${url}/v1/jobs/${id}`, { headers: changed });
    if (response.status === 304) continue;
    const job: Job = JSON.parse(await response.text());
    if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(job)}`);
    if (wanted(job)) return job;
    if (job.finishedAt !== null) throw new Error(`the job ${job.state}: ${JSON.stringify(job.error)}`);
    seen = response.headers.get('etag');
  }
}

/** Waits for a job's end, whatever it is. */
export function jobEnd(url: string, job: Pick<Job, 'id'>): Promise<Job> {
  return jobWhen(url, job, ({ finishedAt }) => finishedAt !== null);
}

/** Uploads a picture; a fresh one where none is given. */
export async function post(url: string, parts: UploadParts, file?: Buffer): Promise<Response> {
  return fetch(`${url}/v1/images`, { method: 'POST', body: formOf(file ?? (await picture()), parts) });
}

/**
 * Uploads a picture and expects a job for it. Comes again after a 503, as a client should: the service
 * under test may have been away, and the machine may be busy.
 *
 * @throws Error when there is none
 */
export async function newJob(url: string, parts: UploadParts, file?: Buffer): Promise<Uploaded> {
  const upload = file ?? (await picture());
  const { status, text } = await eventually(async () => {
    const response = await post(url, parts, upload);
    const text = await response.text();
    return response.status === 503 ? undefined : { status: response.status, text };
  });
  if (status !== 202) throw new Error(`${status} ${text}`);
  return JSON.parse(text);
}

/** What an image is now, renditions and all. */
export async function readImage(url: string, { id }: Pick<Image, 'id'>): Promise<Image> {
  return JSON.parse(await (await fetch(`${url}/v1/images/${id}`)).text());
}

/** How many rows a table has. */
export async function countRows(t: Teardown, databaseUrl: string | null, table: string): Promise<number> {
  const sql = connect(t, databaseUrl ?? '');
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)}`;
  return row?.count ?? 0;
}

/** The pid of the service's newest worker process that is not one of `others`. */
export async function workerPid(service: Service, ...others: number[]): Promise<number> {
  const { pid } = await service.logged(
    ({ msg, ...line }) => msg === 'worker ready' && !others.includes(Number(line['pid'])),
  );
  return Number(pid);
}

/** Whether a process lives. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Waits until a process is gone. */
export async function gone(pid: number): Promise<void> {
  await eventually(async () => !isAlive(pid) || undefined);
}

/** The files under a folder of the service's store, such as `renditions`. */
export async function storedFiles({ dataDir }: Pick<Service, 'dataDir'>, folder: string): Promise<string[]> {
  const entries = await readdir(join(dataDir, 'store', folder), {
    recursive: true,
    withFileTypes: true,
  }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/**
 * Freezes a PostgreSQL, all of its processes: connections stay open and nothing answers.
 *
 * @returns what lets it go on
 */
export async function freezePostgres(t: Teardown, url: string): Promise<() => void> {
  const sql = connect(t, url);
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const postmaster = parentOf(row?.pid ?? 0);
  await sql.end();
  const pids = [postmaster, ...childrenOf(postmaster)];
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of pids) {
      try {
        process.kill(pid, name);
      } catch {
        // It had ended by itself, as an idle one may.
      }
    }
  };
  signal('SIGSTOP');
  const resume = (): void => signal('SIGCONT');
  t.teardown(resume);
  return resume;
}

/** Of a process, as Linux shows it. */
function parentOf(pid: number): number {
  // The name before it stands in brackets and may hold anything.
  const [, parent] =
    / \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\)/s, '')) ?? [];
  return Number(parent);
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && isAlive(pid) && parentOf(pid) === parent);
}
