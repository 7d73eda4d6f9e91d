import { Type } from 'typebox';
import { imageAuditColumns, imageAuditField, type Origin } from '../audit.js';
import { type Database, type Executor, jsonb } from '../database/client.js';
import { createdFilters } from '../lists/created-filters.js';
import { object, pathOf, plainText, rows, value } from '../lists/field.js';
import type { ExportedDataset, ListedDataset } from '../lists/list.js';
import { imagePath, renditionsPath } from '../paths.js';
import { renditionValues } from '../renditions/repository.js';
import type { BlobStore } from '../storage/blob-store.js';
import { originalKey, renditionPrefix } from '../storage/keys.js';
import type { ImageMetadata, ImageRow } from './image.js';
import { acceptedContentTypes } from './media-types.js';
import { ImageSchema } from './schema.js';

const columns = [
  'id',
  'tenantId',
  'sha256',
  'filename',
  'contentType',
  'bytes',
  'width',
  'height',
  'orientation',
  'hasAlpha',
  'pages',
  'metadata',
  'createdAt',
  'updatedAt',
  'version',
  ...imageAuditColumns,
] as const satisfies (keyof ImageRow)[];

/** The largest number of ours that PostgreSQL's bigint can hold. */
const MAX_BIGINT = 2 ** 63 - 1024;
const atLeast0 = (description: string) => Type.Integer({ minimum: 0, maximum: MAX_BIGINT, description });

/** Images as lists and exports see them. `renditions` come from their own table, so they have no column here. */
export const imageDataset: ListedDataset<ImageRow> & ExportedDataset = {
  name: 'images',
  table: 'images',
  schema: ImageSchema,
  columns: {
    id: ['id'],
    filename: ['filename'],
    contentType: ['contentType'],
    bytes: ['bytes'],
    width: ['width'],
    height: ['height'],
    sha256: ['sha256'],
    orientation: ['orientation'],
    hasAlpha: ['hasAlpha'],
    pages: ['pages'],
    metadata: ['metadata'],
    createdAt: ['createdAt'],
    renditions: [],
    audit: imageAuditColumns,
    links: [],
  },
  fields: {
    id: value('uuid', 'images.id'),
    filename: value('text', 'images.filename'),
    contentType: plainText('images.content_type'),
    bytes: value('bigint', 'images.bytes'),
    width: value('integer', 'images.width'),
    height: value('integer', 'images.height'),
    sha256: plainText('images.sha256'),
    orientation: value('integer', 'images.orientation'),
    hasAlpha: value('boolean', 'images.has_alpha'),
    pages: value('integer', 'images.pages'),
    metadata: value('json', 'images.metadata'),
    createdAt: value('timestamp', 'images.created_at'),
    renditions: rows({
      from: 'renditions where renditions.image_id = images.id',
      orderBy: 'renditions.created_at, renditions.id',
      values: renditionValues,
    }),
    audit: imageAuditField,
    links: object({
      self: pathOf(imagePath, 'images.id'),
      content: pathOf((id) => `${imagePath(id)}/content`, 'images.id'),
      renditions: pathOf(renditionsPath, 'images.id'),
    }),
  },
  ownFields: [
    'id',
    'filename',
    'contentType',
    'bytes',
    'width',
    'height',
    'sha256',
    'orientation',
    'hasAlpha',
    'pages',
    'metadata',
    'createdAt',
  ],
  filters: {
    contentType: {
      column: 'content_type',
      type: 'text',
      operator: '=',
      schema: Type.Enum([...acceptedContentTypes]),
    },
    filename: {
      column: 'filename',
      type: 'text',
      operator: '=',
      schema: Type.String({ description: 'Exactly this name' }),
    },
    sha256: {
      column: 'sha256',
      type: 'text',
      operator: '=',
      schema: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'Exactly these bytes' }),
    },
    minWidth: {
      column: 'width',
      type: 'integer',
      operator: '>=',
      schema: atLeast0('Least width, in pixels'),
    },
    maxWidth: {
      column: 'width',
      type: 'integer',
      operator: '<=',
      schema: atLeast0('Largest width, in pixels'),
    },
    minHeight: {
      column: 'height',
      type: 'integer',
      operator: '>=',
      schema: atLeast0('Least height, in pixels'),
    },
    maxHeight: {
      column: 'height',
      type: 'integer',
      operator: '<=',
      schema: atLeast0('Largest height, in pixels'),
    },
    minBytes: {
      column: 'bytes',
      type: 'bigint',
      operator: '>=',
      schema: atLeast0('Least size, in bytes'),
    },
    maxBytes: {
      column: 'bytes',
      type: 'bigint',
      operator: '<=',
      schema: atLeast0('Largest size, in bytes'),
    },
    ...createdFilters,
  },
};

/** What a new image is made of; the rest the database gives it. */
export type NewImage = Omit<ImageRow, 'createdAt' | 'updatedAt' | 'version' | keyof Origin> & Partial<Origin>;

/**
 * Records an upload in the transaction `sql`, and moves its file into the store if the store does not
 * have those bytes. The row of the bytes is locked meanwhile, so that an upload and a deletion of the
 * same bytes go one after the other: no row is ever without its file.
 *
 * @param temporaryPath the uploaded file, whole and synced, as `spool` leaves it
 * @returns the image: the tenant's existing one where it has the same bytes
 */
export async function insertImage(
  sql: Executor,
  store: BlobStore,
  image: NewImage,
  temporaryPath: string,
): Promise<ImageRow> {
  const { count } = await sql`
    insert into blobs ${sql({ sha256: image.sha256, bytes: image.bytes, referenceCount: 1 })} on conflict do nothing`;
  if (count > 0) {
    const [row] = await insertRow(sql, image);
    if (row) {
      // After its row: what is over a quota leaves no file.
      await store.put(originalKey(image.sha256), temporaryPath, { synced: true });
      return row;
    }
  }
  const [blob] = await sql<{ referenceCount: number }[]>`
    select reference_count from blobs where sha256 = ${image.sha256} for update`;
  // Deleted between the two statements: now it can be inserted.
  if (!blob) return insertImage(sql, store, image, temporaryPath);
  const [inserted] = await insertRow(sql, image);
  if (inserted) {
    if (blob.referenceCount === 0)
      await store.put(originalKey(image.sha256), temporaryPath, { synced: true });
    await sql`update blobs set reference_count = reference_count + 1 where sha256 = ${image.sha256}`;
    return inserted;
  }
  const [present] = await sql<ImageRow[]>`
    select ${sql(columns)} from images where tenant_id = ${image.tenantId} and sha256 = ${image.sha256}`;
  if (!present) throw new Error('an image is neither new nor present');
  return present;
}

function insertRow(sql: Executor, image: NewImage) {
  const values = { ...image, metadata: jsonb(sql, image.metadata) };
  return sql<ImageRow[]>`
    insert into images ${sql(values)} on conflict (tenant_id, sha256) do nothing returning ${sql(columns)}`;
}

/** One image of a tenant, or undefined. */
export async function findImage(sql: Executor, tenantId: string, id: string): Promise<ImageRow | undefined> {
  const [row] = await sql<ImageRow[]>`
    select ${sql(columns)} from images where id = ${id} and tenant_id = ${tenantId}`;
  return row;
}

/** Locks an image against deletion until the transaction ends; false when it is gone. */
export async function holdImage(sql: Executor, tenantId: string, id: string): Promise<boolean> {
  const { count } = await sql`
    select from images where id = ${id} and tenant_id = ${tenantId} for key share`;
  return count > 0;
}

/** Changes what a client may change; undefined when another change came first (`version` moved on). */
export async function updateImage(
  sql: Executor,
  image: ImageRow,
  change: { filename?: string; metadata?: ImageMetadata },
): Promise<ImageRow | undefined> {
  const filename = change.filename ?? image.filename;
  const metadata = change.metadata ?? image.metadata;
  const [row] = await sql<ImageRow[]>`
    update images set filename = ${filename}, metadata = ${jsonb(sql, metadata)}, updated_at = now(), version = version + 1
    where id = ${image.id} and tenant_id = ${image.tenantId} and version = ${image.version} returning ${sql(columns)}`;
  return row;
}

/**
 * Deletes an image with its renditions at once, and its files when no other image has its bytes.
 *
 * @returns false when there is no such image
 */
export async function deleteImage(
  database: Database,
  store: BlobStore,
  tenantId: string,
  id: string,
): Promise<boolean> {
  const unreferenced = await database.transaction('images.delete', async (sql) => {
    // The row of the bytes first, as an upload does: in another order the two would wait for each other.
    await sql`
      select 1 from blobs
      where sha256 = (select sha256 from images where id = ${id} and tenant_id = ${tenantId}) for update`;
    const [image] = await sql<{ sha256: string }[]>`
      delete from images where id = ${id} and tenant_id = ${tenantId} returning sha256`;
    if (!image) return undefined;
    const [blob] = await sql<{ referenceCount: number }[]>`
      update blobs set reference_count = reference_count - 1 where sha256 = ${image.sha256} returning reference_count`;
    return blob?.referenceCount === 0 ? [image.sha256] : [];
  });
  if (unreferenced === undefined) return false;
  for (const sha256 of unreferenced) await removeBlob(database, store, sha256);
  return true;
}

/** Removes the files of bytes that no image has any more, unless an upload of them came first. */
export async function removeBlob(database: Database, store: BlobStore, sha256: string): Promise<void> {
  await database.transaction('blobs.remove', async (sql) => {
    const [blob] = await sql`select 1 from blobs where sha256 = ${sha256} and reference_count = 0 for update`;
    if (!blob) return;
    await store.removeAll(renditionPrefix(sha256));
    await store.remove(originalKey(sha256));
    await sql`delete from blobs where sha256 = ${sha256}`;
  });
}

/** Bytes whose files a deletion left behind because it was cut off. */
export async function unreferencedBlobs(sql: Executor, limit: number): Promise<string[]> {
  const rows = await sql<{ sha256: string }[]>`
    select sha256 from blobs where reference_count = 0 order by created_at limit ${limit}`;
  return rows.map(({ sha256 }) => sha256);
}
