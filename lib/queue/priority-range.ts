import type { PgPool } from 'bullmq';
import type { Redis } from 'ioredis';
import type { PriorityRange } from './queue.js';

// BullMQ's score of a job that waits: its priority, and in the lower 32 bits what numbers those of one priority.
const SCORES_A_PRIORITY = 2 ** 32;

/**
 * Between which priorities jobs wait in Redis; those of priority 0 wait in a list of their own.
 *
 * @param key that of BullMQ's sorted set of a queue's jobs that have a priority
 */
export async function rangeInRedis(connection: Redis, key: string): Promise<PriorityRange | undefined> {
  const [[, first] = [], [, last] = []] = await Promise.all([
    connection.zrange(key, '0', '0', 'WITHSCORES'),
    connection.zrange(key, '-1', '-1', 'WITHSCORES'),
  ]);
  return first === undefined || last === undefined
    ? undefined
    : { first: priorityOf(first), last: priorityOf(last) };
}

function priorityOf(score: string): number {
  return Math.floor(Number(score) / SCORES_A_PRIORITY);
}

/** The same in PostgreSQL: both ends of the index by which BullMQ takes jobs. */
export async function rangeInPostgres(pool: PgPool, queue: string): Promise<PriorityRange | undefined> {
  const { rows } = await pool.query<{ first: number; last: number } | { first: null; last: null }>(
    "select min(priority) as first, max(priority) as last from job where queue = $1 and state = 'waiting' and priority > 0",
    [queue],
  );
  const [ends] = rows;
  return ends && ends.first !== null ? ends : undefined;
}
