import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Executor } from '../../../lib/database/client.js';
import { openDatabase } from '../../../lib/database/client.js';
import { connectPostgres } from '../../../lib/database/connect.js';
import { prepareTenantRole } from '../../../lib/database/tenant-role.js';
import { inTransaction } from '../../../lib/database/transaction.js';
import { eventually, recordingLogger } from '../../helpers/events.js';
import { testDatabase } from '../../helpers/services.js';

const url = await testDatabase(t);

function openPool(t: Test, max = 1) {
  const sql = connectPostgres(url, {
    max,
    types: { bigint: { to: 20, from: [20], parse: Number, serialize: String } },
    onnotice: () => undefined,
  });
  t.teardown(() => sql.end({ timeout: 0 }));
  return sql;
}

const killer = openPool(t);
const kill = (pid: number) => killer`select pg_terminate_backend(${pid}, 5000)`;

await t.test('it commits what was done, and nothing of what failed', async (t) => {
  const pool = openPool(t, 4);
  await pool`create table things (id integer primary key)`;
  t.equal(
    await inTransaction(pool, async (sql) => {
      const [row] = await sql<{ id: number }[]>`insert into things ${sql({ id: 1 })} returning id`;
      return row?.id;
    }),
    1,
  );
  const failure = new Error('changed my mind');
  const failing = inTransaction(pool, async (sql) => {
    await sql`insert into things values (2)`;
    throw failure;
  });
  await t.rejects(failing, failure);
  await t.rejects(
    inTransaction(pool, (sql) => sql`insert into things values (1)`),
    { code: '23505' },
  );
  const swallowed = inTransaction(pool, async (sql) => {
    await sql`insert into things values (3)`;
    await sql`insert into things values (1)`.catch(() => undefined);
  });
  await t.rejects(swallowed, /failed unnoticed/);
  t.same([...(await pool`select id from things`)], [{ id: 1 }]);
});

await t.test('as many at once as there are connections, and the others after them', async (t) => {
  const pool = openPool(t, 3);
  const pids = await Promise.all(
    Array.from({ length: 30 }, () =>
      inTransaction(pool, async (sql) => {
        const [before] = await sql<{ id: string }[]>`select pg_current_xact_id()::text as id`;
        await nextTurn();
        const [after] = await sql<{ id: string }[]>`select pg_current_xact_id()::text as id`;
        t.equal(before?.id, after?.id);
        return before?.id;
      }),
    ),
  );
  t.equal(new Set(pids).size, 30);
});

function open(t: Test, at = url) {
  const { log } = recordingLogger();
  const about = { applicationName: 'halftone-test', poolSize: 1, statementTimeoutMs: 60_000 };
  const database = openDatabase({ url: at, ...about, slowQueryMs: 60_000, rowSecurity: true, log });
  t.teardown(() => database.close(0));
  /** The database works again, and goes on working. */
  const works = async (asked = database) => {
    for (let i = 0; i < 3; i++) await eventually(() => asked.query('one.read', (sql) => sql`select 1`));
  };
  return { database, works };
}

type Ending = readonly [when: string, run: (sql: Executor, pid: number) => Promise<unknown>];

const endings: readonly Ending[] = [
  ['between two statements', (sql, pid) => kill(pid).then(() => sql`select 1`)],
  ['before the commit', (_sql, pid) => kill(pid)],
  ['under a statement', (sql, pid) => Promise.all([sql`select pg_sleep(30)`, kill(pid)])],
  ['before an error', (_sql, pid) => kill(pid).then(() => Promise.reject(new Error('of another kind')))],
];

for (const [when, run] of endings) {
  await t.test(`a tenant’s connection that ends ${when} takes nothing else with it`, async (t) => {
    const { database, works } = open(t);
    await database.transaction('tenants.prepareRole', prepareTenantRole);
    for (let round = 0; round < 4; round++) {
      const cut = database.of('alpha').query('test.cut', async (sql) => {
        const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
        await run(sql, backend?.pid ?? 0);
      });
      await t.rejects(cut);
      await works();
      await works(database.of('alpha'));
    }
  });

  await t.test(`a connection that ends ${when} takes nothing else with it`, async (t) => {
    const { database, works } = open(t);
    for (let round = 0; round < 4; round++) {
      const cut = database.transaction('test.cut', async (sql) => {
        const [backend] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
        await run(sql, backend?.pid ?? 0);
      });
      await t.rejects(cut);
      await works();
    }
  });
}

await t.test('nor does a socket that breaks', async (t) => {
  const sockets = new Set<Socket>();
  const { port } = new URL(url);
  const proxy = createServer((client) => {
    const server = connect(Number(port), '127.0.0.1');
    sockets.add(client);
    client.on('error', () => server.destroy()).pipe(server);
    server.on('error', () => client.destroy()).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => proxy.close());
  const address = proxy.address();
  const through = new URL(url);
  through.host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  const { database, works } = open(t, through.href);
  for (let round = 0; round < 4; round++) {
    const cut = database.transaction('test.cut', async (sql) => {
      await sql`select 1`;
      for (const socket of sockets) socket.resetAndDestroy();
      sockets.clear();
      if (round % 2 === 0) await nextTurn();
      await sql`select 2`;
    });
    await t.rejects(cut);
    await works();
  }
});
