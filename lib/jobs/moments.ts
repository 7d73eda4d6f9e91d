import type { Executor, Fragment } from '../database/client.js';

/** The moment in which a job begins, in SQL, on its row: not before it was asked for, even if the clock was set back since. */
export function beginsNow(sql: Executor): Fragment {
  return sql`greatest(now(), created_at)`;
}

/** The moment in which a job ends: not before it began. */
export function endsNow(sql: Executor): Fragment {
  return sql`greatest(now(), created_at, started_at)`;
}
