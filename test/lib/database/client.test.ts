import t, { type Test } from 'tap';
import {
  type Database,
  type DatabaseOptions,
  databaseProblem,
  openDatabase,
} from '../../../lib/database/client.js';
import { type LogLine, latch, type Recorder, recordingLogger } from '../../helpers/events.js';
import { startPostgres, testDatabase } from '../../helpers/services.js';

interface Opened {
  readonly database: Database;
  readonly logged: Recorder<LogLine>;
}

function open(t: Test, url: string, options: Partial<DatabaseOptions> = {}): Opened {
  const { log, lines: logged } = recordingLogger();
  const database = openDatabase({
    url,
    applicationName: 'halftone-test',
    poolSize: 2,
    statementTimeoutMs: 60_000,
    slowQueryMs: 60_000,
    log,
    ...options,
  });
  t.teardown(() => database.close(0));
  return { database, logged };
}

const url = await testDatabase(t);
const unavailable = { name: 'Problem', code: 'DATABASE_UNAVAILABLE', status: 503, retryAfter: 2 };

t.test('a slow query is logged by its name, a quick one is not; the metrics get both', async (t) => {
  const queries: [string, number][] = [];
  const onQuery = (name: string, seconds: number): void => void queries.push([name, seconds]);
  const slow = open(t, url, { slowQueryMs: 0, onQuery });
  await slow.database.query('things.find', (sql) => sql`select 'a secret'`);
  t.match(slow.logged.items, [
    { level: 'warn', message: 'slow query', fields: { query: 'things.find', ms: Number } },
  ]);
  t.notMatch(JSON.stringify(slow.logged.items), /secret/);
  const quick = open(t, url, { onQuery });
  await quick.database.query('things.list', (sql) => sql`select 1`);
  t.same(quick.logged.items, []);
  t.same(
    queries.map(([name]) => name),
    ['things.find', 'things.list'],
  );
  t.ok(queries.every(([, seconds]) => seconds > 0 && seconds < 60));
});

t.test('the server sees who asks, and how long a statement may take', async (t) => {
  const { database } = open(t, url, { statementTimeoutMs: 1_234 });
  const [row] = await database.query(
    'settings.read',
    (sql) =>
      sql`select current_setting('application_name') as name, current_setting('statement_timeout') as ms`,
  );
  t.same({ ...row }, { name: 'halftone-test', ms: '1234ms' });
});

t.test('a statement that takes too long is ended, and the pool lives on', async (t) => {
  const { database } = open(t, url, { statementTimeoutMs: 100 });
  const endless = database.query('things.wait', (sql) => sql`select pg_sleep(60)`);
  await t.rejects(endless, { ...unavailable, message: /took too long/ });
  await t.resolves(database.query('things.find', (sql) => sql`select 1`));
});

t.test('a transaction is kept whole or not at all', async (t) => {
  const { database } = open(t, url);
  await database.query('things.create', (sql) => sql`create table things (name text)`);
  const failing = database.transaction('things.add', async (sql) => {
    await sql`insert into things values ('half')`;
    throw new Error('broken');
  });
  await t.rejects(failing, { message: 'broken' });
  const value = await database.transaction('things.add', async (sql) => {
    await sql`insert into things values ('whole')`;
    return 'done';
  });
  t.equal(value, 'done');
  const rows = await database.query('things.list', (sql) => sql<{ name: string }[]>`select name from things`);
  t.same(
    rows.map(({ name }) => name),
    ['whole'],
  );
});

t.test('a query that waits for a connection has a deadline too', async (t) => {
  const { database } = open(t, url, { poolSize: 1, statementTimeoutMs: 100 });
  const [busy, free] = [latch(), latch()];
  const holding = database.transaction('things.hold', async (sql) => {
    await sql`select 1`;
    busy.open();
    await free.opened;
  });
  const held = t.rejects(holding, unavailable);
  await busy.opened;
  await t.rejects(
    database.query('things.find', (sql) => sql`select 1`),
    unavailable,
  );
  free.open();
  await held;
});

t.test('a server that is away is a 503 that says so, and is used again when it is back', async (t) => {
  const server = await startPostgres(t);
  const { database } = open(t, server.url, { statementTimeoutMs: 1_500 });
  const find = () => database.query('things.find', (sql) => sql`select 1`);
  await find();
  await server.stop();
  const started = performance.now();
  await t.rejects(find(), unavailable);
  t.ok(performance.now() - started < 2_000);
  await server.restart();
  await t.resolves(find());
});

t.test('only what is about reaching the server is a 503', async (t) => {
  const coded = (code: string) => databaseProblem(Object.assign(new Error('server'), { code }));
  for (const code of [
    'ECONNREFUSED',
    'EAGAIN',
    'CONNECT_TIMEOUT',
    'CONNECTION_CLOSED',
    '08006',
    '57P01',
    '53300',
    '25006',
    '57014',
  ]) {
    t.match(coded(code), unavailable, code);
  }
  t.match(coded('53100'), { code: 'STORAGE_FULL', status: 507 });
  const missing = (syscall: string) =>
    databaseProblem(Object.assign(new Error('no'), { code: 'ENOENT', syscall }));
  t.match(missing('connect'), unavailable, 'a missing socket');
  t.match(missing('rename'), { name: 'Error', code: 'ENOENT' }, 'a missing file');
  for (const code of ['23505', '42601', '22P02']) t.match(coded(code), { name: 'Error', code }, code);
});
