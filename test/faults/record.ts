import { createHash } from 'node:crypto';
import type { Sql } from 'postgres';
import { eventually } from '../helpers/events.js';
import { storedFiles } from '../helpers/faults.js';
import type { Service } from '../helpers/service.js';
import type { Findings } from './fault.js';

/** Waits until no job is unfinished, however each ended. @returns how long it took, in ms */
export async function allEnded(sql: Sql): Promise<number> {
  const started = performance.now();
  await eventually(async () => {
    const [row] = await sql<{ left: boolean }[]>`
      select exists (select from jobs where state in ('queued', 'active')) as left`;
    return row?.left === false ? true : undefined;
  });
  return performance.now() - started;
}

/** How many jobs there are of a state and a type. */
export async function countJobs(sql: Sql, state: string, type = 'resize'): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from jobs where state = ${state} and type = ${type}`;
  return row?.count ?? 0;
}

/** Nothing lost and nothing twice: every job completed, each rendition has one row and one file. */
export async function nothingLostOrTwice(
  found: Findings,
  sql: Sql,
  service: Pick<Service, 'dataDir'>,
  jobs: number,
): Promise<void> {
  found.equal('jobs completed', await countJobs(sql, 'completed'), jobs);
  const [row] = await sql<{ rows: number; twice: number }[]>`
    select count(*)::int as rows, (count(*) - count(distinct (image_id, options_hash)))::int as twice
    from renditions`;
  found.equal('duplicate renditions', row?.twice ?? -1, 0);
  found.equal('rendition files', (await storedFiles(service, 'renditions')).length, row?.rows ?? -1);
}

/** Asks for the file behind every image's row. @returns how many are not there, whole and unchanged */
export async function brokenOriginals(sql: Sql, url: string): Promise<number> {
  let broken = 0;
  for (const { id, sha256 } of await sql<{ id: string; sha256: string }[]>`select id, sha256 from images`) {
    const response = await fetch(`${url}/v1/images/${id}/content`);
    const content = Buffer.from(await response.arrayBuffer().catch(() => new ArrayBuffer(0)));
    if (createHash('sha256').update(content).digest('hex') !== sha256) broken++;
  }
  return broken;
}
