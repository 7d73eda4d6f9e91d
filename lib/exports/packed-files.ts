import type { Database } from '../database/client.js';
import { parseFields } from '../lists/fields.js';
import { type RenditionRow, renditionFilename } from '../renditions/rendition.js';
import { originalKey, renditionKey } from '../storage/keys.js';
import { type Cell, readCsvRows } from './files/csv-rows.js';
import type { PackedFile } from './files/zip.js';
import { type ExportRequest, exportDatasets } from './request.js';

/** The datasets that have files. */
type PackedDataset = 'images' | 'renditions';

const names = {
  images: ['id', 'filename', 'bytes', 'sha256', 'createdAt'],
  renditions: ['id', 'bytes', 'sha256', 'createdAt'],
} as const;

/** What has to be known of a file: the columns of the CSV that {@link packedFiles} reads. */
export function packedColumns(dataset: PackedDataset): Pick<ExportRequest, 'names' | 'fields'> {
  const fields = parseFields(names[dataset].join(','), exportDatasets[dataset].schema, 'fields');
  return { names: names[dataset], fields };
}

/** The files of a CSV of those columns, in its order. */
export async function* packedFiles(
  database: Database,
  tenantId: string,
  dataset: PackedDataset,
  csvPath: string,
  signal: AbortSignal,
): AsyncGenerator<PackedFile> {
  for await (const rows of readCsvRows(csvPath, signal)) {
    const texts = rows.map((row) => row.map((cell: Cell) => cell ?? ''));
    yield* dataset === 'images' ? texts.map(imageFile) : await renditionFiles(database, tenantId, texts);
  }
}

function imageFile([id = '', name = '', bytes, sha256 = '', createdAt = '']: string[]): PackedFile {
  return {
    id,
    name,
    key: originalKey(sha256),
    bytes: Number(bytes),
    sha256,
    modifiedAt: new Date(createdAt),
  };
}

/** Where a rendition lies, and what it is called, says its image too: one query for some thousand of them. */
async function renditionFiles(
  database: Database,
  tenantId: string,
  rows: readonly string[][],
): Promise<PackedFile[]> {
  const ids = rows.map(([id = '']) => id);
  const found = await database.query(
    'exports.renditions',
    (sql) =>
      sql<Stored[]>`
        select renditions.id, name, options_hash, extension, images.sha256 as original, filename
        from renditions join images on images.id = image_id
        where renditions.tenant_id = ${tenantId} and renditions.id in ${sql(ids)}`,
  );
  const byId = new Map(found.map((rendition) => [rendition.id, rendition]));
  return rows.flatMap(([id = '', bytes, sha256 = '', createdAt = '']) => {
    const stored = byId.get(id);
    // Deleted since the rows were read.
    if (!stored) return [];
    const { original, optionsHash, extension, filename } = stored;
    return {
      id,
      name: renditionFilename(filename, stored),
      key: renditionKey(original, optionsHash, extension),
      bytes: Number(bytes),
      sha256,
      modifiedAt: new Date(createdAt),
    };
  });
}

/** What decides where a rendition's file lies and what it is called. */
interface Stored extends Pick<RenditionRow, 'id' | 'name' | 'optionsHash' | 'extension'> {
  /** SHA-256 of the original. */
  readonly original: string;
  /** Of the image. */
  readonly filename: string;
}
