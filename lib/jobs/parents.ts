import type { Database } from '../database/client.js';
import type { Dispatched, Dispatcher } from './dispatcher.js';
import type { JobRow } from './job.js';

/**
 * Wakes the batch or import that waits for a job which has just ended: at once when it was the last one that
 * it waits for, and else now and then, so that its progress moves. Of two that end at once each looks after
 * its own end is committed: the later one sees both. It does not fail: maintenance wakes what should have
 * been woken.
 */
export async function tellParent(
  { database, dispatcher }: { readonly database: Database; readonly dispatcher: Dispatcher },
  job: Pick<JobRow, 'parentId' | 'stepOf'>,
): Promise<void> {
  const parentId = job.parentId ?? job.stepOf;
  if (parentId === null) return;
  const parent = await database
    .query('jobs.findWaitingParent', async (sql) => {
      const [row] = await sql<(Dispatched & { waits: boolean })[]>`
        select id, tenant_id, type, priority, attempts_max, run, run_at,
          exists (select from jobs as member where member.parent_id = ${parentId} and member.state in ('queued', 'active')) as waits
        from jobs where id = ${parentId} and state in ('queued', 'active')`;
      return row;
    })
    .catch(() => undefined);
  if (parent) await (parent.waits ? dispatcher.nudge(parent) : dispatcher.wake(parent));
}
