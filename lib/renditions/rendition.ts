import type { RenditionSummary } from '../jobs/job.js';
import { renditionContentPath } from '../paths.js';
import type { CanonicalOptions } from './canonical.js';

/** A rendition as its row has it. */
export interface RenditionRow {
  readonly id: string;
  readonly tenantId: string;
  readonly imageId: string;
  readonly name: string | null;
  readonly options: CanonicalOptions;
  /** Stands in the key of the file. */
  readonly optionsHash: string;
  readonly contentType: string;
  readonly extension: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly createdAt: Date;
}

/** A rendition as the API shows it. */
export interface Rendition {
  readonly id: string;
  readonly imageId: string;
  readonly name: string | null;
  readonly options: CanonicalOptions;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly createdAt: string;
  /** Path of its bytes. */
  readonly url: string;
}

/** What the file of a rendition is called: `photo-thumbnail.webp`, after its image and its name. */
export function renditionFilename(
  imageFilename: string,
  { id, name, extension }: Pick<RenditionRow, 'id' | 'name' | 'extension'>,
): string {
  const stem = imageFilename.replace(/\.[^.]+$/, '') || 'image';
  return `${stem}-${name ?? id}.${extension}`;
}

/** A row as the API shows it. */
export function presentRendition(row: RenditionRow): Rendition {
  return {
    id: row.id,
    imageId: row.imageId,
    name: row.name,
    options: row.options,
    contentType: row.contentType,
    width: row.width,
    height: row.height,
    bytes: row.bytes,
    sha256: row.sha256,
    createdAt: row.createdAt.toISOString(),
    url: renditionContentPath(row.imageId, row.id),
  };
}

/** A row as a job's result names it. */
export function summariseRendition(row: Omit<RenditionRow, 'createdAt'>): RenditionSummary {
  const { id, name, contentType, width, height, bytes, imageId } = row;
  return { id, name, contentType, width, height, bytes, url: renditionContentPath(imageId, id) };
}
