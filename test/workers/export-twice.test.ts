import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { createExport } from '../../lib/exports/create-export.js';
import { findExport } from '../../lib/exports/repository.js';
import { openFileStore } from '../../lib/storage/file-store.js';
import { exportKey, storePath } from '../../lib/storage/keys.js';
import { consume } from '../../workers/consumer.js';
import { startExportThread } from '../../workers/export-thread.js';
import { exportProcessor } from '../../workers/processors/export.js';
import { latch } from '../helpers/events.js';
import { openJobWorld, workerParts } from '../helpers/jobs.js';

t.test('two deliveries of an export at the same moment make one file', async (t) => {
  const world = await openJobWorld(t);
  const { database, dispatcher, url } = world;
  const config = { ...world.config, dataDir: world.folder };
  const store = await openFileStore(storePath(world.folder));
  await world.newJob();
  const asker = { tenantId: 'default', requestId: 'test', traceparent: null };
  const body = { dataset: 'images', format: 'csv', compression: 'none', sort: 'createdAt' } as const;
  const { row, job } = await createExport({ database, dispatcher, config }, asker, body);

  const both = [latch(), latch()] as const;
  await Promise.all(
    both.map(async (mine, index) => {
      const thread = startExportThread(new URL('../../workers/export.js', import.meta.url));
      t.teardown(() => thread.close());
      const { type, run } = exportProcessor({ database, databaseUrl: url, store, thread, config });
      const take = consume({
        ...workerParts(world),
        // Neither begins before both have the job in hand.
        processor: {
          type,
          run: async (taken, context) => {
            mine.open();
            await both[1 - index]?.opened;
            await run(taken, context);
          },
        },
      });
      await take({ id: job.id, attempt: 1, isLastAttempt: true, announce: async () => {} });
    }),
  );
  const made = await database.query('exports.find', (sql) => findExport(sql, 'default', row.id));
  t.match(made, { state: 'completed', rows: 1 });
  t.match(await world.read(job), { state: 'completed', error: null, result: { sha256: made?.sha256 } });
  const file = await readFile(await store.localPath(exportKey(row.id, 'csv')));
  t.equal(createHash('sha256').update(file).digest('hex'), made?.sha256);
  const left: string[] = [];
  for await (const { key } of store.list('exports/')) left.push(key);
  t.same(left, [exportKey(row.id, 'csv')]);
});
