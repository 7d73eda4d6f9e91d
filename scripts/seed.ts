import { parseArgs } from 'node:util';
import { loadConfig } from '../lib/config.js';
import { migrate } from '../lib/database/migrate.js';
import { knownToken } from '../lib/keys/first-key.js';
import { createLogger } from '../lib/logger.js';
import { migrateQueues } from '../lib/queue/backend.js';
import { openConfigured } from './seed/database.js';
import { uploadPictures } from './seed/pictures.js';
import { seedRows } from './seed/rows.js';

const USAGE = `npm run seed -- --images 1000000 [--seed 1]
  Writes rows straight into the database that the configuration names (DATABASE_URL, or the embedded one
  under DATA_DIR, running or not): images, their renditions and finished jobs, to try lists and exports on.
  THESE ROWS HAVE NO FILES: a download of them answers 404. The same seed and number give the same rows,
  and finish what was cut off; where they are all there it refuses: give another --seed for more.

npm run seed -- --pictures 20 [--url http://127.0.0.1:3000]
  Makes pictures and uploads them, with the presets thumbnail and small, to a service that runs, with the
  admin key of this folder (ADMIN_API_KEY, or admin.key under DATA_DIR).`;

async function writeRows(images: number, seed: number): Promise<void> {
  const config = loadConfig();
  const log = createLogger('seed', { level: 'warn', pretty: false });
  const started = performance.now();
  const database = await openConfigured(config);
  try {
    const { url } = database;
    const after = config.redisUrl === undefined ? migrateQueues : async () => undefined;
    await migrate({ url, folder: new URL('../../migrations/', import.meta.url), after, log });
    const onProgress = (done: number): void => {
      if (process.stdout.isTTY) process.stdout.write(`\r${done} of ${images} images`);
    };
    await seedRows({ url: database.superuserUrl ?? url, images, seed, onProgress });
  } finally {
    await database.close();
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`\nWrote ${images} images (rows without files) with renditions and jobs in ${seconds} s.`);
}

/** A whole number of at least `least`; ends the program with the usage where it is none. */
function whole(text: string, least: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= 100_000_000) return value;
  console.error(USAGE);
  process.exit(1);
}

const { values } = parseArgs({
  options: {
    images: { type: 'string' },
    seed: { type: 'string', default: '1' },
    pictures: { type: 'string' },
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(USAGE);
else if (values.images !== undefined) {
  await writeRows(whole(values.images, 1), whole(values.seed, 0)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
} else if (values.pictures !== undefined) {
  const pictures = whole(values.pictures, 1);
  await uploadPictures(pictures, values.url, await knownToken(loadConfig()));
  console.log(`Uploaded ${pictures} images to ${values.url}; see ${new URL('/v1/images', values.url)}`);
} else whole('', 1);
