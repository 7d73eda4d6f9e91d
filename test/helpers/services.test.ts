import { stat } from 'node:fs/promises';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { connect } from './embedded-postgres.js';
import { startPostgres, startRedis, temporaryFolder, testDatabase } from './services.js';

function redisClient(t: Test, url: string): Redis {
  const redis = new Redis(url, { commandTimeout: 5_000 });
  redis.on('error', () => {});
  t.teardown(() => redis.disconnect());
  return redis;
}

t.test('what a test gets is gone after it', async (t) => {
  const seen = { folder: '', database: '' };
  await t.test('the test', async (t) => {
    seen.folder = await temporaryFolder(t);
    seen.database = await testDatabase(t);
    await connect(t, seen.database)`create table kept ()`;
  });
  await t.rejects(stat(seen.folder), { code: 'ENOENT' });
  await t.rejects(connect(t, seen.database)`select 1`, { code: '3D000' });
});

t.test('a PostgreSQL comes back with its data where it was', async (t) => {
  const server = await startPostgres(t);
  const sql = connect(t, server.url);
  await sql`create table kept ()`;
  await server.stop();
  await t.rejects(sql`select from kept`, { code: 'ENOENT' }, 'its socket is gone');
  await server.restart();
  await t.resolves(sql`select from kept`);
});

t.test('a killed Redis comes back: empty, or with its data', async (t) => {
  for (const persistent of [false, true]) {
    const server = await startRedis(t, { persistent });
    const redis = redisClient(t, server.url);
    await redis.set('key', 'value');
    await server.kill();
    await server.restart();
    t.equal(await redis.get('key'), persistent ? 'value' : null);
  }
});

t.test('a paused Redis lets its clients wait until it is resumed', async (t) => {
  const server = await startRedis(t);
  const hasty = new Redis(server.url, { commandTimeout: 500 });
  t.teardown(() => hasty.disconnect());
  const patient = redisClient(t, server.url);
  await Promise.all([hasty.ping(), patient.ping()]);
  server.pause();
  const answer = patient.ping();
  await t.rejects(hasty.ping(), { message: 'Command timed out' });
  server.resume();
  t.equal(await answer, 'PONG');
});
