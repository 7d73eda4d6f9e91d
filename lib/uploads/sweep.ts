import type { Database } from '../database/client.js';
import type { UploadFiles } from './files.js';
import { expiredUploads, forgetUploads, markSwept } from './repository.js';

const BATCH = 500;

/**
 * Removes the files of uploads that have expired. Their rows stay for as long again, to answer 410.
 *
 * @returns how many it removed
 */
export async function sweepUploads(
  database: Database,
  files: UploadFiles,
  ttlHours: number,
): Promise<number> {
  const expired = await database.query('uploads.expired', (sql) => expiredUploads(sql, BATCH));
  for (const id of expired) {
    await files.remove(id);
    await database.query('uploads.markSwept', (sql) => markSwept(sql, id));
  }
  await database.query('uploads.forget', (sql) => forgetUploads(sql, ttlHours));
  return expired.length;
}
