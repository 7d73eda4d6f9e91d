import { createHash } from 'node:crypto';
import type postgres from 'postgres';
import t from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import { renditionId } from '../../lib/renditions/canonical.js';
import { seedRows } from '../../scripts/seed/rows.js';
import { migratedDatabase } from '../helpers/database.js';
import { migrateTestDatabase } from '../helpers/migrate.js';
import { startPostgres } from '../helpers/services.js';

const IMAGES = 600;
const onProgress = (): void => undefined;

async function seeded(t: Parameters<typeof migratedDatabase>[0], seed: number) {
  const url = await migratedDatabase(t);
  await seedRows({ url, images: IMAGES, seed, onProgress });
  const sql = connectPostgres(url, { max: 1, onnotice: () => undefined });
  t.teardown(() => sql.end({ timeout: 0 }));
  return { url, sql };
}

t.test('rows of every kind, none of them waiting for work', async (t) => {
  const { url, sql } = await seeded(t, 7);
  const [counts] = await sql`
    select (select count(*)::integer from images) as images, (select count(*)::integer from blobs) as blobs,
      (select count(distinct content_type)::integer from images) >= 4 as types,
      (select count(*) from images where metadata ? 'place') > 300 as places,
      (select max(created_at) - min(created_at) > interval '700 days' from images) as spread,
      (select count(*) from renditions) > 80 as renditions,
      (select array_agg(distinct state order by state) from jobs) as states,
      (select bool_and(started_at >= created_at and finished_at >= started_at) from jobs) as in_order`;
  t.strictSame(counts, {
    images: IMAGES,
    blobs: IMAGES,
    types: true,
    places: true,
    spread: true,
    renditions: true,
    states: ['completed', 'failed'],
    in_order: true,
  });
  const [rendition] = await sql`
    select r.id, i.sha256, r.options from renditions r join images i on i.id = image_id order by r.id limit 1`;
  t.equal(
    rendition?.['id'],
    renditionId(rendition?.['sha256'], rendition?.['options']),
    'the id a job would give it',
  );
  await t.rejects(seedRows({ url, images: IMAGES, seed: 7, onProgress }), /another --seed/);
  await seedRows({ url, images: 10, seed: 8, onProgress });
});

async function digest(sql: postgres.Sql): Promise<string> {
  const rows = await sql`
    select i::text as row from images i union all select r::text from renditions r union all select j::text from jobs j order by 1`;
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
}

t.test('the same seed gives the same rows', async (t) => {
  const digests: string[] = [];
  for (const seed of [1, 1, 2]) {
    const { sql } = await seeded(t, seed);
    digests.push(await digest(sql));
  }
  t.equal(digests[0], digests[1]);
  t.not(digests[0], digests[2]);
});

t.test(
  'what was cut off is finished by the same seed, and the rows are those of a run in one go',
  async (t) => {
    const url = await migratedDatabase(t);
    const sql = connectPostgres(url, { max: 1, onnotice: () => undefined });
    t.teardown(() => sql.end({ timeout: 0 }));
    const options = { url, images: IMAGES, seed: 3, chunkImages: 50 };
    const cutOff = (): never => {
      throw new Error('cut off');
    };
    await t.rejects(seedRows({ ...options, onProgress: cutOff }), /cut off/);
    const [found] = await sql<{ images: number }[]>`select count(*)::integer as images from images`;
    t.ok(found && found.images >= 50 && found.images < IMAGES, 'some of them are there');
    const progress: number[] = [];
    await seedRows({ ...options, onProgress: (images) => progress.push(images) });
    t.equal(progress.at(-1), IMAGES);
    t.equal(await digest(sql), await digest((await seeded(t, 3)).sql));
  },
);

t.test('without looking foreign keys up the rows are the same, and so they hold', async (t) => {
  const server = await startPostgres(t);
  await migrateTestDatabase(server.url);
  const superuser = new URL(server.url);
  superuser.username = 'postgres';
  await seedRows({ url: superuser.href, images: IMAGES, seed: 4, onProgress });
  const sql = connectPostgres(server.url, { max: 1, onnotice: () => undefined });
  t.teardown(() => sql.end({ timeout: 0 }));
  t.equal(await digest(sql), await digest((await seeded(t, 4)).sql));
});
