import postgres, { type TransactionSql } from 'postgres';
import { systemErrorCode } from '../../lib/errors.js';
import { builtInPresets } from '../../lib/presets/preset.js';
import { canonicalJson, canonicalOptions, optionsHash } from '../../lib/renditions/canonical.js';
import {
  type Chunk,
  insertImages,
  insertJobs,
  insertRenditions,
  type PresetRow,
  prepareImages,
} from './statements.js';

/** How many rows there are to be, and which. */
export interface SeedOptions {
  readonly url: string;
  readonly images: number;
  /** Another number makes other rows; the same two numbers the same ones. */
  readonly seed: number;
  readonly onProgress: (images: number) => void;
}

/** One transaction writes so many images with all that belongs to them. */
const CHUNK_IMAGES = 25_000;
/** PostgreSQL runs an insert on one CPU. */
const CONNECTIONS = 2;

/**
 * Writes images, their renditions and jobs straight into a migrated database, set by set, with all its
 * indexes and constraints in force. There are no files to them: what reads bytes answers 404.
 *
 * @throws Error when the rows of this seed are there already
 */
export async function seedRows({ url, images, seed, onProgress }: SeedOptions): Promise<void> {
  const sql = postgres(url, {
    max: CONNECTIONS,
    fetch_types: false,
    onnotice: () => undefined,
    connection: { application_name: 'halftone-seed', synchronous_commit: 'off' },
  });
  try {
    let next = 0;
    let done = 0;
    const work = async (): Promise<void> => {
      while (next < images) {
        const first = next;
        const last = Math.min(first + CHUNK_IMAGES, images);
        next = last;
        await sql.begin((tx) => seedChunk(tx, { seed, images, first: first + 1, last }));
        done += last - first;
        onProgress(done);
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work)).catch(failSeed);
    // What autovacuum would do in a while: the planner's statistics, and the map of what all can see.
    await sql`vacuum (analyze) blobs, images, renditions, jobs`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function seedChunk(sql: TransactionSql, chunk: Chunk): Promise<void> {
  await prepareImages(sql, chunk);
  await insertImages(sql);
  await insertRenditions(sql, presetRows);
  await insertJobs(sql);
}

// The presets resize to WebP whatever the original is, so their canonical options are the same for all.
const presetRows: readonly PresetRow[] = builtInPresets.slice(0, 3).map(({ name, options }, index) => {
  const source = {
    contentType: 'image/jpeg',
    width: 1,
    height: 1,
    orientation: 1,
    hasAlpha: false,
    pages: 1,
  };
  const canonical = canonicalOptions(options, source);
  return {
    place: index + 1,
    name,
    width: options.width ?? 0,
    square: options.height !== undefined,
    options: canonical,
    canonical: canonicalJson(canonical),
    hash: optionsHash(canonical),
  };
});

function failSeed(error: unknown): never {
  throw systemErrorCode(error) === '23505'
    ? new Error('The rows of this seed are there already: give another --seed.', { cause: error })
    : error;
}
