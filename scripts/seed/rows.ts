import type { Sql, TransactionSql } from 'postgres';
import { canonicalJson } from '../../lib/canonical-json.js';
import { connectPostgres } from '../../lib/database/connect.js';
import { systemErrorCode } from '../../lib/errors.js';
import { builtInPresets } from '../../lib/presets/preset.js';
import { canonicalOptions, optionsHash } from '../../lib/renditions/canonical.js';
import {
  type Chunk,
  insertImages,
  insertJobs,
  insertRenditions,
  isThere,
  type PresetRow,
  prepareImages,
} from './statements.js';

/** How many rows there are to be, and which. */
export interface SeedOptions {
  /** A role that may set `session_replication_role` makes it half as fast again. */
  readonly url: string;
  readonly images: number;
  /** Another number makes other rows; the same two numbers the same ones. */
  readonly seed: number;
  readonly onProgress: (images: number) => void;
  /** One transaction writes so many images with all that belongs to them; default 25,000. */
  readonly chunkImages?: number;
}

const CHUNK_IMAGES = 25_000;
/** What a connection may hold of a chunk: its temporary tables and sorts then never touch the disk. */
const CHUNK_MEMORY = '64MB';
/**
 * After so many the tables are vacuumed: pages that were written since the last checkpoint need not go to
 * the write-ahead log as a whole, as those would that are vacuumed at the end.
 */
const VACUUM_IMAGES = 100_000;
/** PostgreSQL runs an insert on one CPU. */
const CONNECTIONS = 2;

/**
 * Writes images, their renditions and jobs straight into a migrated database, set by set. There are no
 * files to them: what reads bytes answers 404. When it was cut off, the same seed and number of images
 * write what is missing.
 *
 * Indexes and checks are in force. Foreign keys are not looked up row by row where the role may do
 * without (a third of the work, as each look-up locks the row it finds): a transaction writes an image
 * together with the row of its bytes, its renditions and its jobs, and a tenant is never deleted.
 *
 * @throws Error when the rows of this seed are there already
 */
export async function seedRows(options: SeedOptions): Promise<void> {
  const { url, images, seed, onProgress, chunkImages = CHUNK_IMAGES } = options;
  const sql = connectPostgres(url, {
    max: CONNECTIONS,
    fetch_types: false,
    onnotice: () => undefined,
    connection: {
      application_name: 'halftone-seed',
      synchronous_commit: 'off',
      temp_buffers: CHUNK_MEMORY,
      work_mem: CHUNK_MEMORY,
    },
  });
  try {
    const trusted = await maySkipForeignKeys(sql);
    let next = 0;
    let done = 0;
    let written = 0;
    let vacuumed = 0;
    const work = async (): Promise<void> => {
      while (next < images) {
        const first = next;
        const last = Math.min(first + chunkImages, images);
        next = last;
        const wrote = await sql.begin((tx) =>
          seedChunk(tx, { seed, images, first: first + 1, last }, trusted),
        );
        if (wrote) written += last - first;
        done += last - first;
        onProgress(done);
        if (done - vacuumed < VACUUM_IMAGES) continue;
        vacuumed = done;
        await sql`vacuum (freeze) blobs, images, renditions, jobs`;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, work)).catch(failSeed);
    if (written === 0) throw thereAlready();
    await Promise.all([
      sql`vacuum (freeze, analyze) blobs, images`,
      sql`vacuum (freeze, analyze) renditions, jobs`,
    ]);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** @returns false where its rows are there already */
async function seedChunk(sql: TransactionSql, chunk: Chunk, trusted: boolean): Promise<boolean> {
  if (await isThere(sql, chunk)) return false;
  if (trusted) await sql`set local session_replication_role = replica`;
  await prepareImages(sql, chunk);
  await insertImages(sql);
  await insertRenditions(sql, presetRows);
  await insertJobs(sql);
  return true;
}

/** A superuser may, or who was granted it: `grant set on parameter session_replication_role`, from PostgreSQL 15 on. */
async function maySkipForeignKeys(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ superuser: boolean; version: number }[]>`
    select current_setting('is_superuser') = 'on' as superuser,
      current_setting('server_version_num')::integer as version`;
  if (!row || row.superuser || row.version < 150_000) return row?.superuser ?? false;
  const [granted] = await sql<{ may: boolean }[]>`
    select has_parameter_privilege('session_replication_role', 'set') as may`;
  return granted?.may ?? false;
}

// The presets resize to WebP whatever the original is, so their canonical options are the same for all.
const presetRows: readonly PresetRow[] = builtInPresets.slice(0, 2).map(({ name, options }, index) => {
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
  throw systemErrorCode(error) === '23505' ? thereAlready(error) : error;
}

function thereAlready(cause?: unknown): Error {
  return new Error('Rows of this seed are there already: give another --seed.', { cause });
}
