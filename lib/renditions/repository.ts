import { Type } from 'typebox';
import { type Executor, jsonb, uuids } from '../database/client.js';
import { pathOf, plainText, value } from '../lists/field.js';
import type { ExportedDataset, ListedDataset } from '../lists/list.js';
import { renditionContentPath } from '../paths.js';
import type { RenditionRow } from './rendition.js';
import { RenditionSchema } from './schema.js';

const columns = [
  'id',
  'tenantId',
  'imageId',
  'name',
  'options',
  'optionsHash',
  'contentType',
  'extension',
  'width',
  'height',
  'bytes',
  'sha256',
  'createdAt',
] as const satisfies (keyof RenditionRow)[];

/** A rendition's fields as exports read them, of their own and within their image. */
export const renditionValues = {
  id: value('uuid', 'renditions.id'),
  imageId: value('uuid', 'renditions.image_id'),
  name: value('text', 'renditions.name'),
  options: value('json', 'renditions.options'),
  contentType: plainText('renditions.content_type'),
  width: value('integer', 'renditions.width'),
  height: value('integer', 'renditions.height'),
  bytes: value('bigint', 'renditions.bytes'),
  sha256: plainText('renditions.sha256'),
  createdAt: value('timestamp', 'renditions.created_at'),
  url: pathOf(renditionContentPath, 'renditions.image_id', 'renditions.id'),
};

/** Renditions as lists and exports see them. */
export const renditionDataset: ListedDataset<RenditionRow> & ExportedDataset = {
  name: 'renditions',
  table: 'renditions',
  schema: RenditionSchema,
  columns: {
    id: ['id'],
    imageId: ['imageId'],
    name: ['name'],
    options: ['options'],
    contentType: ['contentType'],
    width: ['width'],
    height: ['height'],
    bytes: ['bytes'],
    sha256: ['sha256'],
    createdAt: ['createdAt'],
    url: ['imageId'],
  },
  fields: renditionValues,
  ownFields: Object.keys(renditionValues),
  filters: {
    name: {
      column: 'name',
      type: 'text',
      operator: '=',
      schema: Type.String({ description: 'Exactly this name' }),
    },
    contentType: {
      column: 'content_type',
      type: 'text',
      operator: '=',
      schema: Type.String({ description: 'Exactly this media type' }),
    },
    imageId: { column: 'image_id', type: 'uuid', operator: '=', schema: Type.String({ format: 'uuid' }) },
  },
};

/** A rendition that was made, before the database gives it its time. */
export type NewRendition = Omit<RenditionRow, 'createdAt'>;

/**
 * Records renditions; one that stands already (a second delivery of the job) is left as it is.
 *
 * @returns the ids of those that were not there: only their files belong into the store
 */
export async function insertRenditions(
  sql: Executor,
  renditions: readonly NewRendition[],
): Promise<Set<string>> {
  if (renditions.length === 0) return new Set();
  const rows = renditions.map((row) => ({
    ...row,
    options: jsonb(sql, row.options),
  }));
  const inserted = await sql<{ id: string }[]>`
    insert into renditions ${sql(rows)} on conflict do nothing returning id`;
  return new Set(inserted.map(({ id }) => id));
}

/** One rendition of an image, or undefined. */
export async function findRendition(
  sql: Executor,
  tenantId: string,
  imageId: string,
  id: string,
): Promise<RenditionRow | undefined> {
  const [row] = await sql<RenditionRow[]>`
    select ${sql(columns)} from renditions where tenant_id = ${tenantId} and id = ${id} and image_id = ${imageId}`;
  return row;
}

/** All renditions of some images, oldest first. */
export async function findRenditions(sql: Executor, imageIds: readonly string[]): Promise<RenditionRow[]> {
  if (imageIds.length === 0) return [];
  return sql<RenditionRow[]>`
    select ${sql(columns)} from renditions where image_id = any(${uuids(imageIds)}::uuid[]) order by image_id, created_at, id`;
}
