import { text } from 'node:stream/consumers';
import t from 'tap';
import { partsOf } from '../../../lib/exports/parts.js';
import { exportDatasets, readExportRequest } from '../../../lib/exports/request.js';
import { openExport } from '../../../lib/exports/stream.js';
import { outsider } from '../../../lib/keys/caller.js';
import { seedRows } from '../../../scripts/seed/rows.js';
import { openTestDatabase } from '../../helpers/database.js';
import { recordingLogger } from '../../helpers/events.js';

const never = new AbortController().signal;
const IMAGES = 40_000;

const imagesIn = (order: 'createdAt' | '-createdAt', filters = {}) =>
  readExportRequest(exportDatasets.images, { sort: order, fields: 'id,createdAt', ...filters }, outsider);

const { url, database } = await openTestDatabase(t);
await seedRows({ url, images: IMAGES, seed: 1, onProgress: () => {} });

const run = (statement: string) => database.query('test', (sql) => sql.unsafe<{ time: Date }[]>(statement));

t.test('an export in parts is the export in one piece, whatever PostgreSQL knows of the table', async (t) => {
  const deps = { databaseUrl: url, database, log: recordingLogger().log };
  const [middle] = await run('select created_at as time from images order by 1 offset 10000 limit 1');
  const after = { createdAfter: middle?.time.toISOString() };
  const countsOf: number[] = [];
  const assertSame = async (what: string, request: ReturnType<typeof imagesIn>): Promise<void> => {
    const parts = await partsOf(database, 'default', request);
    countsOf.push(parts.length);
    const csv = { format: 'csv', bom: true, delimiter: ',', formulaGuard: true } as const;
    for (const format of [csv, { format: 'json' }] as const) {
      const whole = await openExport(deps, 'default', request, format, never);
      const cut = await openExport(deps, 'default', request, format, never, parts);
      const [expected, got] = await Promise.all([text(whole.bytes), text(cut.bytes)]);
      // Two texts of a megabyte make a message of two.
      t.ok(got === expected, `${what}: ${format.format} is the same`);
      t.equal(cut.rows(), whole.rows(), `${what}: rows`);
    }
  };

  await run('analyze images');
  await assertSame('newest first', imagesIn('-createdAt'));
  await assertSame('oldest first', imagesIn('createdAt'));
  await assertSame('all but the oldest', imagesIn('createdAt', after));
  t.same(countsOf.splice(0), [4, 4, 3]);

  await run("update images set created_at = created_at + interval '10 years' where bytes % 3 = 0");
  await assertSame('times that the sample does not know', imagesIn('-createdAt'));
  await run("update images set created_at = '2026-01-01'");
  await assertSame('one time', imagesIn('-createdAt'));
  t.ok(countsOf.every((count) => count > 0));
});

t.test('parts are about as large as each other where rows are not spread evenly', async (t) => {
  // Half of all rows are of the last hour of years.
  await run(
    `update images set created_at = now() - case when bytes % 2 = 0 then interval '1 hour' else interval '9 years' end * random()`,
  );
  await run('analyze images');
  const parts = await partsOf(database, 'default', imagesIn('createdAt'));
  t.same(
    parts.map(({ isFirst }) => isFirst),
    [true, false, false, false],
  );
  for (const { from, before } of parts) {
    const [counted] = await database.query(
      'test',
      (sql) => sql<{ count: number }[]>`
        select count(*) as count from images
        where created_at >= ${from ?? new Date(0)} and created_at < ${before ?? new Date('2100-01-01')}`,
    );
    t.ok(counted && counted.count > 7_000 && counted.count < 13_000, `${counted?.count} rows`);
  }
});

t.test('an export that is small, or of nobody, is one part', async (t) => {
  const { database: empty } = await openTestDatabase(t);
  t.same(await partsOf(empty, 'default', imagesIn('-createdAt')), [
    { isFirst: true, from: undefined, before: undefined },
  ]);
});
