import type { Executor } from '../database/client.js';

/** How often a worker process says that it lives, in ms. */
export const BEAT_MS = 5_000;
/** A worker that has not said so for this long is taken for dead, in seconds. */
const DEAD_AFTER_SECONDS = 20;

/** Says that a worker process lives, and forgets those that have long been silent. */
export async function beat(sql: Executor, workerId: string): Promise<void> {
  await sql`insert into workers (id) values (${workerId}) on conflict (id) do update set beat_at = now()`;
  await sql`delete from workers where beat_at < now() - interval '1 hour'`;
}

/** Says that a worker process ends as it should. */
export async function endBeat(sql: Executor, workerId: string): Promise<void> {
  await sql`delete from workers where id = ${workerId}`;
}

/** How many worker processes live. */
export async function countWorkers(sql: Executor): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*) as count from workers where beat_at > now() - make_interval(secs => ${DEAD_AFTER_SECONDS})`;
  return row?.count ?? 0;
}
