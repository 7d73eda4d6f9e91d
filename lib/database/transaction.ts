import { setImmediate as nextTurn } from 'node:timers/promises';
import type postgres from 'postgres';
import type { Sql } from './pool.js';

type Transaction = postgres.ISql<{ bigint: number }>;

/** The driver's own connection, as far as it is needed to hear of its end. */
interface Connection {
  onclose: ((error: Error) => void) | null;
}

/**
 * Runs statements in one transaction: it commits when `run` resolves and rolls back when it rejects.
 *
 * Not by the driver's `begin()`, for two reasons. When a connection ends in the middle, that writes its
 * ROLLBACK, or whatever statement comes next, to a socket that is gone, which ends the process, or leaves
 * a connection that never works again (porsager/postgres#1154, #1208). And it waits for BEGIN by itself,
 * where here BEGIN goes to the server with the first statement.
 *
 * @param begin begins it, and may set what holds until its end: it has no parameters, which would have to be described
 * @throws what `run` throws; the driver's CONNECTION_CLOSED where the connection ended; an Error where a
 *   statement failed and `run` did not say so: nothing was committed then
 */
export async function inTransaction<T>(
  pool: Sql,
  run: (sql: Transaction) => PromiseLike<T>,
  begin = 'begin',
): Promise<T> {
  const reserved = await pool.reserve();
  let session: Connection | undefined;
  let lost: Error | undefined;
  const options = {
    prepare: false,
    onexecute: (connection: Connection) => {
      session = connection;
      connection.onclose = (error) => {
        lost = error;
      };
      // What comes next may go out in the same packet.
      return true;
    },
  };
  const begun = reserved.unsafe(begin, [], options).execute();
  begun.catch(() => undefined);
  const sql = new Proxy(reserved, {
    apply(target, _self, [strings, ...values]) {
      if (lost) throw lost;
      return target(strings, ...values);
    },
  });
  try {
    const value = await run(sql);
    await begun;
    if (lost) throw lost;
    const { command } = await reserved`commit`;
    if (command !== 'COMMIT') throw new Error('a statement of the transaction failed unnoticed');
    return value;
  } catch (error) {
    await closedIfFailed();
    if (!lost) await reserved`rollback`.catch(closedIfFailed);
    throw error;
  } finally {
    if (session) session.onclose = null;
    // One that ended has gone back to the pool by itself.
    if (!lost) reserved.release();
  }
}

/** A socket that fails says so, and closes at the end of that turn of the event loop or of the next. */
async function closedIfFailed(): Promise<void> {
  await nextTurn();
  await nextTurn();
}
