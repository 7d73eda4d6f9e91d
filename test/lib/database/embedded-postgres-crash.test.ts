import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readdir, stat, utimes, watch, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { systemErrorCode } from '../../../lib/errors.js';
import { connect, kill, start, startElsewhere, startedElsewhere } from '../../helpers/embedded-postgres.js';
import { clusterFolder, temporaryFolder } from '../../helpers/services.js';

t.jobs = 3;

t.test('a server whose Halftone was killed is replaced', async (t) => {
  const dataDir = await clusterFolder(t);
  const orphan = await startedElsewhere(t, dataDir);
  await connect(t, orphan.url)`create table kept ()`;
  await kill(orphan.child);
  t.ok(process.kill(orphan.pid, 0), 'the server outlived its Halftone');

  const log: string[] = [];
  const server = await start(t, dataDir, log);
  t.not(server.pid, orphan.pid);
  t.match(log.join('\n'), new RegExp(`stopping the PostgreSQL \\(process ${orphan.pid}\\)`));
  await connect(t, server.url)`select from kept`;
});

t.test('the data outlives a kill of everything', async (t) => {
  const dataDir = await clusterFolder(t);
  const { child, url, pid } = await startedElsewhere(t, dataDir);
  const sql = connect(t, url);
  await sql`create table kept ()`;
  const backends = await sql<{ pid: number }[]>`select pid from pg_stat_activity`;
  await kill(child);
  process.kill(pid, 'SIGKILL');
  for (const backend of backends) killIfAlive(backend.pid);
  t.ok(await stat(join(dataDir, 'cluster', 'postmaster.pid')), 'a stale postmaster.pid is left');
  await connect(t, (await start(t, dataDir)).url)`select from kept`;
});

t.test(
  'a stale postmaster.pid, and the lock of a socket, may name a living process of the same user',
  async (t) => {
    const dataDir = await clusterFolder(t);
    const first = await start(t, dataDir);
    await first.stop();
    const cluster = join(dataDir, 'cluster');
    const { uid, gid } = await stat(cluster);
    const bystander = spawn('sleep', ['600'], { uid, gid, stdio: 'ignore' });
    t.teardown(() => kill(bystander));
    await once(bystander, 'spawn');
    const lockFile = join(cluster, 'postmaster.pid');
    await writeFile(
      lockFile,
      `${bystander.pid}\n${cluster}\n1\n${first.port}\n\n127.0.0.1\n  1 1\nready   \n`,
    );
    const socketLock = join(cluster, `.s.PGSQL.${first.port}.lock`);
    await writeFile(socketLock, `${bystander.pid}\n${cluster}\n1\n${first.port}\n${cluster}\n`);
    for (const file of [lockFile, socketLock]) await chown(file, uid, gid);
    await connect(t, (await start(t, dataDir)).url)`select 1`;
    t.equal(bystander.signalCode, null, 'the other process is left alone');
  },
);

t.test('a second Halftone on the folder of a living one is turned away', async (t) => {
  const dataDir = await clusterFolder(t);
  const first = await startedElsewhere(t, dataDir);
  await t.rejects(start(t, dataDir), {
    message: new RegExp(`Another Halftone \\(process ${first.child.pid} on .+\\) is running on ${dataDir}`),
  });
  await connect(t, first.url)`select 1`;
});

t.test('of two that start at once on an empty folder, one gets it', async (t) => {
  const dataDir = await temporaryFolder(t);
  const both = [startElsewhere(t, dataDir), startElsewhere(t, dataDir)];
  const outcomes = await Promise.all(both.map(({ outcome }) => outcome));
  const [winner, ...others] = outcomes.filter(({ url }) => url !== undefined);
  t.equal(others.length, 0);
  t.match(outcomes.find(({ error }) => error !== undefined)?.error, /Another Halftone/);
  await connect(t, winner?.url ?? '')`select 1`;
});

t.test('a first start that is cut off does not spoil the folder', async (t) => {
  const dataDir = await temporaryFolder(t);
  const abandoned = join(dataDir, 'init-abandoned');
  await mkdir(abandoned);
  await utimes(abandoned, 0, 0);
  const changes = watch(dataDir);
  const { child } = startElsewhere(t, dataDir);
  for await (const { filename } of changes)
    if (filename?.startsWith('init-') && filename !== 'init-abandoned') break;
  await kill(child);
  t.notOk((await readdir(dataDir)).includes('cluster'), 'it was cut off in time');

  await connect(t, (await start(t, dataDir)).url)`select 1`;
  t.notOk((await readdir(dataDir)).includes('init-abandoned'), 'what an old one left is cleared away');
});

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // The backends of a killed server end by themselves, some sooner than others.
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}
