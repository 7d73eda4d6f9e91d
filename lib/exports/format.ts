/** What an export can be written as: streams by PostgreSQL itself, and files made from its rows. */
export const exportFormats = ['csv', 'ndjson', 'json', 'parquet', 'xlsx', 'zip'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** How a text format is packed. The others are compressed by themselves, or hold what is. */
export const exportCompressions = ['none', 'gzip', 'zstd'] as const;
export type ExportCompression = (typeof exportCompressions)[number];

const packed: Readonly<Record<ExportCompression, { extension: string; contentType?: string }>> = {
  none: { extension: '' },
  gzip: { extension: '.gz', contentType: 'application/gzip' },
  zstd: { extension: '.zst', contentType: 'application/zstd' },
};

/** https://www.rfc-editor.org/rfc/rfc4180, https://github.com/ndjson/ndjson-spec, and IANA's media types */
export const exportContentTypes: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
  parquet: 'application/vnd.apache.parquet',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  zip: 'application/zip',
};

/** What decides what an export's file is called. */
interface Written {
  readonly format: ExportFormat;
  readonly compression: ExportCompression;
}

/** The extension of an export's file, without its first dot: `csv`, `ndjson.gz`. */
export function exportExtension({ format, compression }: Written): string {
  return `${format}${packed[compression].extension}`;
}

/** The media type of an export's file. */
export function exportContentType({ format, compression }: Written): string {
  return packed[compression].contentType ?? exportContentTypes[format];
}

/** Such as `halftone-images-2026-11-22.csv`; the day is UTC's. */
export function exportFilename(dataset: string, extension: string, day: Date): string {
  return `halftone-${dataset}-${day.toISOString().slice(0, 10)}.${extension}`;
}
