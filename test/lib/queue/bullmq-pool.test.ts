import type { PgPoolClient } from 'bullmq';
import pg from 'pg';
import t, { type Test } from 'tap';
import { BullmqPool } from '../../../lib/queue/bullmq-pool.js';
import { eventually, Recorder } from '../../helpers/events.js';
import { run, testDatabase, uniqueName } from '../../helpers/services.js';

const CONNECTIONS = 2;
const PARTS = 6;
const LISTEN = '-- Subscribes.\nLISTEN bullmq_jobs;\n';

async function openPool(t: Test): Promise<{ pool: BullmqPool; url: string; application: string }> {
  const url = await testDatabase(t);
  const application = uniqueName('pool');
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, application_name: application });
  t.teardown(() => pool.end());
  return { pool: new BullmqPool(pool), url, application };
}

/** A part of BullMQ that listens: it names the connection, which it takes for its own, and then does. */
async function listeningPart(pool: BullmqPool, heard: Recorder<string>): Promise<PgPoolClient> {
  const client = await pool.connect();
  client.on('notification', ({ payload = '' }) => heard.add(payload));
  await client.query("SELECT set_config('application_name', $1, false)", [uniqueName('part')]);
  // Another one's turn, before this one listens.
  await pool.query('select 1');
  await client.query(LISTEN);
  return client;
}

t.test('more parts than connections listen, all of them by one, and each hears', async (t) => {
  const { pool, url, application } = await openPool(t);
  const heard = new Recorder<string>();
  const parts = await Promise.all(Array.from({ length: PARTS }, () => listeningPart(pool, heard)));
  t.teardown(() => parts.forEach((part) => void part.release(true)));
  const { rows } = await pool.query(
    "select count(*)::integer as listeners from pg_stat_activity where application_name = $1 and query like 'listen%'",
    [application],
  );
  t.same(rows, [{ listeners: 1 }]);
  await run(url, "select pg_notify('bullmq_jobs', 'resize')");
  await heard.length(PARTS);
});

t.test('a connection that ends is told to each part, and all listen again by the next one', async (t) => {
  const { pool, url, application } = await openPool(t);
  const heard = new Recorder<string>();
  const lost = new Recorder<PgPoolClient>();
  const listen = async (): Promise<PgPoolClient> => {
    const part = await listeningPart(pool, heard);
    part.on('error', () => {
      part.release(true);
      lost.add(part);
    });
    return part;
  };
  await Promise.all([listen(), listen()]);
  await run(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = '${application}' and query like 'listen%'`,
  );
  await lost.length(2);
  const parts = await Promise.all([listen(), listen()]);
  t.teardown(() => parts.forEach((part) => void part.release(true)));
  await run(url, "select pg_notify('bullmq_jobs', 'export')");
  t.same(await heard.length(2), ['export', 'export']);
});

t.test('the last part that leaves takes the connection with it', async (t) => {
  const { pool, application } = await openPool(t);
  const part = await listeningPart(pool, new Recorder());
  part.release(true);
  const isGone = async (): Promise<true | undefined> => {
    const { rows } = await pool.query(
      "select from pg_stat_activity where application_name = $1 and query like 'listen%'",
      [application],
    );
    return rows.length === 0 || undefined;
  };
  t.ok(await eventually(isGone));
});

t.test('a statement that returns other columns after a migration goes on', async (t) => {
  const { pool, url } = await openPool(t);
  await run(url, 'create table job (id integer)', 'insert into job values (1)');
  const text = 'select * from job where id = $1';
  t.same((await pool.query(text, [1])).rows, [{ id: 1 }]);
  await run(url, "alter table job add column name text default 'new'");
  for (const _ of Array(2 * CONNECTIONS))
    t.same((await pool.query(text, [1])).rows, [{ id: 1, name: 'new' }]);
});
