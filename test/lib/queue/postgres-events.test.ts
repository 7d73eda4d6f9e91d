import pg from 'pg';
import t from 'tap';
import { BullmqPool } from '../../../lib/queue/bullmq-pool.js';
import { EventReader } from '../../../lib/queue/postgres-events.js';
import { migrateTestDatabase } from '../../helpers/migrate.js';
import { testDatabase } from '../../helpers/services.js';

const QUEUE = 'some';
const INSERT = 'insert into event (queue, event, data, created_at_ms) values ($1, $2, $3, 0)';

t.test('an event that is committed after those of later ids is told, and once', async (t) => {
  const databaseUrl = await testDatabase(t);
  await migrateTestDatabase(databaseUrl);
  const pool = new pg.Pool({ connectionString: databaseUrl, options: '-c search_path=bullmq' });
  const reader = new EventReader(new BullmqPool(pool), QUEUE);
  t.teardown(async () => {
    reader.close();
    await pool.end();
  });
  const tell = (client: pg.Pool | pg.PoolClient, jobId: string) =>
    client.query(INSERT, [QUEUE, 'completed', { jobId }]);
  let after = '$';
  const read = async (): Promise<string[]> => {
    const [[, entries] = ['', []]] = (await reader.read(after, 1)) ?? [];
    after = entries.at(-1)?.[0] ?? after;
    return entries.map(([, fields]) => fields.at(-1) ?? '');
  };

  await tell(pool, 'before');
  t.same(await read(), [], 'what was before it began is nothing to tell');
  const slow = await pool.connect();
  await slow.query('begin');
  await tell(slow, 'late');
  await tell(pool, 'early');
  t.same(await read(), ['early']);
  await slow.query('commit');
  slow.release();
  t.same(await read(), ['late']);
  await tell(pool, 'next');
  t.same(await read(), ['next']);
  t.same(await read(), [], 'nothing is told twice');
});
