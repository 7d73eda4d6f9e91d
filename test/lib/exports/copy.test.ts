import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { EXPORT_APPLICATION } from '../../../lib/exports/connection.js';
import { type Copy, type CopyDeps, openCopy } from '../../../lib/exports/copy.js';
import { openTestDatabase } from '../../helpers/database.js';
import { eventually, recordingLogger } from '../../helpers/events.js';

const never = new AbortController().signal;
// Made row by row, as it is no table that PostgreSQL would write to its disk first.
const ENDLESS = '(select generate_series(1, 1000000000) as i) numbers';

async function open(t: Test): Promise<{
  copy: (query: string, signal?: AbortSignal) => Promise<Copy>;
  copies: (queries: string[]) => Promise<Copy>;
  backends: () => Promise<number>;
  deps: CopyDeps;
}> {
  const { url, database } = await openTestDatabase(t);
  const deps = { databaseUrl: url, database, log: recordingLogger().log };
  return {
    deps,
    copy: (query, signal = never) => openCopy(deps, [`copy (${query}) to stdout`], signal),
    copies: (queries) =>
      openCopy(
        deps,
        queries.map((query) => `copy (${query}) to stdout`),
        never,
      ),
    backends: async () => {
      const [row] = await database.query(
        'test',
        (sql) => sql<{ count: number }[]>`
          select count(*) as count from pg_stat_activity
          where application_name = ${EXPORT_APPLICATION} and datname = current_database()`,
      );
      return row?.count ?? -1;
    },
  };
}

const free = (backends: () => Promise<number>) =>
  eventually(async () => ((await backends()) === 0 ? true : undefined));

t.test('the output comes whole, in blocks of 256 KiB, and the connection goes', async (t) => {
  const { copy, backends } = await open(t);
  const running = await copy("select i, repeat('x', 100) from generate_series(1, 20000) i");
  const sizes: number[] = [];
  running.on('data', (block: Buffer) => sizes.push(block.length));
  await once(running, 'end');
  t.ok(sizes.every((size) => size <= 262_144));
  const expected = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\t${'x'.repeat(100)}\n`).join('');
  t.equal(
    sizes.reduce((sum, size) => sum + size),
    expected.length,
  );
  t.equal(running.rows, 20_000);
  await running.released;
  await free(backends);
  t.equal(await text(await copy('select 1 where false')), '', 'no rows are no bytes');
  t.ok((await buffer(await copy("select repeat('long', 100000)"))).length === 400_001, 'rows past a block');
});

t.test('a statement that cannot run, or fails at its first row, rejects', async (t) => {
  const { copy, backends } = await open(t);
  await t.rejects(copy('select nope'), { code: '42703' });
  await t.rejects(copy('select 1 / 0'), { code: '22012' });
  await t.rejects(copy('select 1 / i from generate_series(0, 9) i'), { code: '22012' });
  await free(backends);
});

t.test('one that fails later fails its stream, after what was good', async (t) => {
  const { copy, backends } = await open(t);
  const running = await copy("select repeat('x', 1000), 1 / (20000 - i) from generate_series(1, 40000) i");
  await t.rejects(buffer(running), { code: '22012' });
  await running.released;
  await free(backends);
});

t.test('a slow reader holds PostgreSQL back', async (t) => {
  const { copy, backends } = await open(t);
  const running = await copy("select i, repeat('x', 1000) from generate_series(1, 50000) i");
  await eventually(async () => (running.readableLength === 2 ? true : undefined));
  t.ok(running.rows < 25_000, `${running.rows} rows were read ahead`);
  t.equal((await buffer(running)).length > 50_000_000, true);
  await free(backends);
});

t.test(
  'whoever leaves frees the backend: one that writes, one that computes, one that has not begun',
  async (t) => {
    const { copy, backends } = await open(t);
    const writes = await copy(`select repeat('x', 1000) from ${ENDLESS}`);
    await eventually(async () => (writes.readableLength === 2 ? true : undefined));
    writes.destroy();
    await writes.released;
    await free(backends);

    const computes = await copy(
      "select repeat('x', 70000) union all select pg_sleep(i * 60)::text from generate_series(1, 2) i",
    );
    computes.destroy();
    await computes.released;
    await free(backends);

    for (const moment of ['at once', 'connected'] as const) {
      const leaving = new AbortController();
      const opening = copy('select pg_sleep(60)', leaving.signal);
      if (moment === 'connected') await eventually(async () => ((await backends()) > 0 ? true : undefined));
      leaving.abort(new Error('gone'));
      await t.rejects(opening, { message: 'gone' }, moment);
      await free(backends);
    }
  },
);

t.test('the output of several statements comes in their order', async (t) => {
  const { copies, backends } = await open(t);
  const numbers = Array.from({ length: 450 }, (_, i) => i);
  const rows = (i: number): number => (i % 7 === 0 ? 0 : (i * 37) % 500);
  const running = await copies(numbers.map((i) => `select ${i}, n from generate_series(1, ${rows(i)}) n`));
  const expected = numbers.flatMap((i) => Array.from({ length: rows(i) }, (_, n) => `${i}\t${n + 1}\n`));
  t.ok((await text(running)) === expected.join(''));
  t.equal(running.rows, expected.length);
  await running.released;
  await free(backends);
});

t.test('several statements see one snapshot, and wait for a slow reader', async (t) => {
  const { copies, backends, deps } = await open(t);
  const { database } = deps;
  await database.query('test', (sql) => sql`create table counted as select from generate_series(1, 5)`);
  const many = "select repeat('x', 1000) from generate_series(1, 40000)";
  const count = 'select count(*) from counted';
  const running = await copies([many, many, count, count]);
  await eventually(async () => (running.readableLength === 2 && running.rows > 5_000 ? true : undefined));
  t.ok(running.rows < 30_000, `${running.rows} rows were read ahead`);
  await database.query('test', (sql) => sql`insert into counted default values`);
  t.equal((await text(running)).slice(-6), 'x\n5\n5\n');
  await running.released;
  await free(backends);
});

t.test(
  'one of several statements that fails, fails them all; who leaves them frees both backends',
  async (t) => {
    const { copies, backends } = await open(t);
    // More than is read ahead: it fails once somebody reads.
    const good = "select repeat('x', 1000) from generate_series(1, 20000)";
    const failing = await copies([good, good, good, 'select 1 / 0', good]);
    await t.rejects(buffer(failing), { code: '22012' });
    await failing.released;
    await free(backends);
    const left = await copies([`select i from ${ENDLESS}`, `select i from ${ENDLESS} where i < 0`]);
    t.equal(await backends(), 2);
    left.destroy();
    await left.released;
    await free(backends);
  },
);

t.test('a database that is not there is a problem', async (t) => {
  const { deps } = await open(t);
  const gone = new URL(deps.databaseUrl);
  gone.port = '1';
  await t.rejects(openCopy({ ...deps, databaseUrl: gone.href }, ['copy (select 1) to stdout'], never), {
    code: 'DATABASE_UNAVAILABLE',
    status: 503,
  });
});
