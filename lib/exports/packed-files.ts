import type { Database } from '../database/client.js';
import { parseFields } from '../lists/fields.js';
import { optionsHash } from '../renditions/canonical.js';
import { extensionOf } from '../renditions/formats.js';
import { originalKey, renditionKey } from '../storage/keys.js';
import { type Cell, readCsvRows } from './files/csv-rows.js';
import type { PackedFile } from './files/zip.js';
import { type ExportRequest, exportDatasets } from './request.js';

/** The datasets that have files. */
type PackedDataset = 'images' | 'renditions';

const names = {
  images: ['id', 'filename', 'bytes', 'sha256', 'createdAt'],
  renditions: ['id', 'imageId', 'name', 'options', 'bytes', 'sha256', 'createdAt'],
} as const;

/** What has to be known of a file: the columns of the CSV that {@link packedFiles} reads. */
export function packedColumns(dataset: PackedDataset): Pick<ExportRequest, 'names' | 'fields'> {
  const fields = parseFields(names[dataset].join(','), exportDatasets[dataset].schema, 'fields');
  return { names: names[dataset], fields };
}

/** The files of a CSV of those columns, in its order. */
export async function* packedFiles(
  database: Database,
  dataset: PackedDataset,
  csvPath: string,
  signal: AbortSignal,
): AsyncGenerator<PackedFile> {
  for await (const rows of readCsvRows(csvPath, signal)) {
    const texts = rows.map((row) => row.map((cell: Cell) => cell ?? ''));
    yield* dataset === 'images' ? texts.map(imageFile) : await renditionFiles(database, texts);
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

/** Where a rendition lies says the digest of its original: one query for some thousand of them. */
async function renditionFiles(database: Database, rows: readonly string[][]): Promise<PackedFile[]> {
  const ids = [...new Set(rows.map(([, imageId = '']) => imageId))];
  const originals = await database.query(
    'exports.originals',
    (sql) =>
      sql<{ id: string; sha256: string; filename: string }[]>`
        select id, sha256, filename from images where id in ${sql(ids)}`,
  );
  const byId = new Map(originals.map((original) => [original.id, original]));
  return rows.flatMap(
    ([id = '', imageId = '', name = '', options = '', bytes, sha256 = '', createdAt = '']) => {
      const original = byId.get(imageId);
      // Deleted since the rows were read, with its renditions.
      if (!original) return [];
      const canonical = JSON.parse(options);
      const extension = extensionOf(canonical.format);
      const stem = original.filename.replace(/\.[^.]+$/, '') || 'image';
      return {
        id,
        name: `${stem}-${name || id}.${extension}`,
        key: renditionKey(original.sha256, optionsHash(canonical), extension),
        bytes: Number(bytes),
        sha256,
        modifiedAt: new Date(createdAt),
      };
    },
  );
}
