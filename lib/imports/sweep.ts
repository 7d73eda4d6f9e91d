import type { Database } from '../database/client.js';
import { cautiousNow } from '../steady-clock.js';
import type { BlobStore } from '../storage/blob-store.js';
import { importKey, importPrefix } from '../storage/keys.js';

/** A file this young may belong to an import whose transaction has not ended, in ms. */
const FRESH_MS = 3_600_000;

/**
 * Removes the CSVs of imports that failed or were cancelled and that nobody has begun anew for a while, and
 * those that a crash left without a row. A completed import has removed its own.
 *
 * @returns how many it removed
 */
export async function sweepImports(database: Database, store: BlobStore, keepHours: number): Promise<number> {
  let removed = 0;
  for await (const { key, modifiedAt } of store.list(importPrefix)) {
    const id = key.slice(importPrefix.length).replace(/\.csv$/, '');
    if (key !== importKey(id) || modifiedAt.getTime() > cautiousNow() - FRESH_MS) continue;
    const [needed] = await database.query(
      'imports.needsFile',
      (sql) => sql`
        select from jobs where id = ${id} and type = 'import'
          and (state in ('queued', 'active') or finished_at > now() - make_interval(hours => ${keepHours}))`,
    );
    if (needed) continue;
    await store.remove(key);
    removed += 1;
  }
  return removed;
}
