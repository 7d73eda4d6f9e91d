import t from 'tap';
import type { Database, Executor } from '../../../lib/database/client.js';
import { prepareTenantRole } from '../../../lib/database/tenant-role.js';
import { imageDataset } from '../../../lib/images/repository.js';
import { jobDataset } from '../../../lib/jobs/dataset.js';
import { listRows } from '../../../lib/lists/list.js';
import { openTestDatabase } from '../../helpers/database.js';
import { openJobWorld } from '../../helpers/jobs.js';

const everything = { limit: 20, sort: 'createdAt' } as const;

await t.test('a query without its condition sees nothing of another tenant', async (t) => {
  const { database, newJob } = await openJobWorld(t);
  await database.transaction('tenants.prepareRole', prepareTenantRole);
  // Again changes nothing.
  await database.transaction('tenants.prepareRole', prepareTenantRole);
  await database.query('tenants.create', (sql) => sql`insert into tenants (id) values ('other')`);
  const job = await newJob();
  // No tenant's condition: what a query that forgot it would be.
  const seenBy = async (who: Database) => {
    const images = await listRows(who, imageDataset, null, everything);
    const jobs = await listRows(who, jobDataset, null, everything);
    return [images.rows.length, jobs.rows.length];
  };
  t.same(await seenBy(database), [1, 1], 'the service sees all');
  t.same(await seenBy(database.of('default')), [1, 1]);
  t.same(await seenBy(database.of('other')), [0, 0]);
  t.same(await seenBy(database.of('other').of('default')), [1, 1]);
  t.same(await seenBy(database.of('')), [0, 0], 'nobody at all sees nothing');
  t.same(await seenBy(database), [1, 1], 'and nothing of it stays with the connection');

  const take = (who: Database) =>
    who.query('jobs.take', (sql) => sql`update jobs set tenant_id = 'other' where id = ${job.id}`);
  t.equal((await take(database.of('other'))).count, 0);
  await t.rejects(take(database.of('default')), /row-level security/);
  await newJob(['thumbnail'], database.of('default'));
  t.same(await seenBy(database.of('default')), [2, 2], 'with its triggers, keys and sequences');
});

await t.test('a connection is everybody’s again when a tenant has done with it', async (t) => {
  const { database } = await openTestDatabase(t, { poolSize: 1, statementTimeoutMs: 200 });
  await database.transaction('tenants.prepareRole', prepareTenantRole);
  const who = (asked: Database) =>
    asked.query('role.read', async (sql) => {
      const [row] = await sql<{ name: string; tenant: string }[]>`
        select current_user as name, current_setting('halftone.tenant', true) as tenant`;
      return row;
    });
  const service = (await who(database))?.name;
  const failing = [
    (sql: Executor) => sql`select 1 / 0`,
    (sql: Executor) => sql`select pg_sleep(30)`,
    (sql: Executor) => Promise.all([sql`select 1 / 0`, sql`select 1`, sql`select pg_sleep(0.01)`]),
    () => Promise.reject(new Error('changed my mind')),
  ];
  for (let round = 0; round < 20; round++) {
    const fail = failing[round];
    const failed = fail && t.rejects(database.of('bad').query<unknown>('test.fail', (sql) => fail(sql)));
    const [alpha, all, bravo, inOne] = await Promise.all([
      who(database.of('alpha')),
      who(database),
      who(database.of('bravo')),
      database
        .of('charlie')
        .transaction('role.readInOne', (sql) => sql<{ name: string }[]>`select current_user as name`),
      failed,
    ]);
    t.same(alpha, { name: 'halftone_tenant', tenant: 'alpha' });
    t.equal(all?.name, service);
    t.same(bravo, { name: 'halftone_tenant', tenant: 'bravo' });
    t.equal(inOne[0]?.name, 'halftone_tenant');
    t.equal((await who(database))?.name, service);
  }
});

await t.test('the role sees nothing before it says whose rows', async (t) => {
  const { database, newJob } = await openJobWorld(t);
  await database.transaction('tenants.prepareRole', prepareTenantRole);
  await newJob();
  const counts = await database.transaction('tables.count', async (sql) => {
    await sql`set local role halftone_tenant`;
    const tables = ['images', 'jobs', 'blobs', 'tenants', 'job_events', 'export_states', 'tenant_states'];
    const found = [];
    for (const table of tables) {
      const [row] = await sql<{ count: number }[]>`select count(*) as count from ${sql(table)}`;
      found.push([table, row?.count]);
    }
    return Object.fromEntries(found);
  });
  // Bytes are of nobody: a row that only has a digest is kept once for all.
  t.same(counts, {
    images: 0,
    jobs: 0,
    blobs: 1,
    tenants: 0,
    job_events: 0,
    export_states: 0,
    tenant_states: 0,
  });
});

await t.test('every table with a tenant has the lock', async (t) => {
  const { database } = await openJobWorld(t);
  const open = await database.query(
    'tables.unlocked',
    (sql) => sql<{ name: string }[]>`
      select relname as name from pg_class join pg_attribute on attrelid = pg_class.oid
      where attname = 'tenant_id' and relkind = 'r' and relnamespace = current_schema()::regnamespace
        and not relrowsecurity`,
  );
  t.same([...open], [], 'a migration that makes such a table enables row security, as 0015 does');
});

await t.test('the lock is no way to find rows', async (t) => {
  const { database, newJob } = await openJobWorld(t);
  await database.transaction('tenants.prepareRole', prepareTenantRole);
  const { imageId } = await newJob();
  // Without statistics, as in a database that is new, its tenant's rows were looked through for those of an image.
  await database.query(
    'renditions.fill',
    (sql) => sql`
      insert into renditions (id, tenant_id, image_id, name, options, options_hash, content_type, extension, width, height, bytes, sha256)
      select gen_random_uuid(), tenant_id, id, '', '{}', lpad(n::text, 64, '0'), 'image/png', 'png', 1, 1, 1, sha256
      from images, generate_series(1, 1000) as n`,
  );
  const plan = await database.of('default').query(
    'renditions.plan',
    (sql) => sql<Record<string, string>[]>`
      explain select from renditions where image_id = any(${`{${imageId}}`}::uuid[]) order by image_id, created_at, id`,
  );
  const text = plan.flatMap(Object.values).join('\n');
  t.match(text, /renditions_by_image/);
  t.notMatch(text, /renditions_by_time/);
});
