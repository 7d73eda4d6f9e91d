import { chmod, chown, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import t from 'tap';
import { overTcp } from '../../../lib/database/connect.js';
import { connect, start, startElsewhere } from '../../helpers/embedded-postgres.js';
import { clusterFolder, temporaryFolder } from '../../helpers/services.js';

t.jobs = 3;

t.test('the first start makes a database, the second finds its data', async (t) => {
  // Root's tests run the server as another user, who could not enter these folders by himself.
  const parent = await temporaryFolder(t);
  await chmod(parent, 0o700);
  const dataDir = join(parent, 'data', 'postgres');
  const log: string[] = [];

  const first = await start(t, dataDir, log);
  const sql = connect(t, first.url);
  const [who] =
    await sql`select current_database() as database, usesuper from pg_user where usename = current_user`;
  t.strictSame({ ...who }, { database: 'halftone', usesuper: false });
  await sql`create table kept (value text)`;
  await sql`insert into kept values ('still here')`;
  await first.stop();
  t.match(log.join('\n'), /ready to accept connections/, 'the log is handed on');

  const second = await start(t, dataDir);
  t.equal(second.url, first.url, 'clients find it where it was');
  const client = new pg.Client({ connectionString: second.url });
  await client.connect();
  t.strictSame(
    (await client.query('select value from kept')).rows,
    [{ value: 'still here' }],
    'pg takes the url too',
  );
  await client.end();
});

t.test(
  'it is reached by a socket in its folder, and by TCP where the path is too long for one',
  async (t) => {
    const dataDir = await clusterFolder(t);
    const near = await start(t, dataDir);
    t.equal(decodeURIComponent(new URL(near.url).hostname), join(dataDir, 'cluster'));
    const [row] = await connect(t, near.url)`select inet_client_addr() as address`;
    t.same(row, { address: null }, 'no address: a socket');
    const [other] = await connect(t, overTcp(near.url))`select inet_client_addr() as address`;
    t.same(other, { address: '127.0.0.1' }, 'and by TCP for who asks');

    const far = await start(t, join(dataDir, 'f'.repeat(107)));
    t.equal(new URL(far.url).hostname, '127.0.0.1');
    t.same(await connect(t, far.url)`select inet_client_addr() as address`, [{ address: '127.0.0.1' }]);
  },
);

t.test('other users of the machine stay outside', async (t) => {
  const dataDir = await clusterFolder(t);
  const server = await start(t, dataDir);
  for (const user of ['halftone', 'postgres']) {
    const url = new URL(server.url);
    url.username = user;
    url.password = 'guess';
    await t.rejects(connect(t, url.href)`select 1`, { code: '28P01' }, `${user} needs the password`);
  }
  t.equal((await stat(join(dataDir, 'cluster'))).mode & 0o777, 0o700);
  t.equal((await stat(join(dataDir, 'cluster', 'halftone.password'))).mode & 0o777, 0o600);
});

t.test('stop ends it without an alarm, and may be called twice', async (t) => {
  const server = await start(t, await clusterFolder(t));
  server.onExit(() => t.fail('a wanted stop is no accident'));
  const sql = connect(t, server.url);
  await sql`select 1`;
  await Promise.all([server.stop(), server.stop()]);
  await server.stop();
  await t.rejects(sql`select 1`, { code: 'ENOENT' }, 'its socket is gone');
});

t.test('an unexpected end is reported, and does not hinder the next start', async (t) => {
  const dataDir = await clusterFolder(t);
  const server = await start(t, dataDir);
  const reason = new Promise<string>((resolve) => server.onExit(resolve));
  process.kill(server.pid, 'SIGKILL');
  t.match(await reason, /SIGKILL/);
  await server.stop();
  t.strictSame([...(await connect(t, (await start(t, dataDir)).url)`select 1 as one`)], [{ one: 1 }]);
});

t.test('the error of a failed start has the words of PostgreSQL', async (t) => {
  const dataDir = await clusterFolder(t);
  await (await start(t, dataDir)).stop();
  await writeFile(join(dataDir, 'cluster', 'PG_VERSION'), '9.6\n');
  await t.rejects(start(t, dataDir), { message: /initialized by PostgreSQL version 9\.6/ });
});

t.test('it runs as an ordinary user', async (t) => {
  const parent = await temporaryFolder(t);
  const dataDir = join(parent, 'postgres');
  await mkdir(dataDir);
  const account = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
  if (account) {
    await chmod(parent, 0o711);
    await chown(dataDir, account.uid, account.gid);
  }
  const { url, error } = await startElsewhere(t, dataDir, account).outcome;
  t.equal(error, undefined);
  await connect(t, url ?? '')`select 1`;
  t.equal((await stat(join(dataDir, 'cluster'))).uid, account?.uid ?? process.getuid?.());
});
