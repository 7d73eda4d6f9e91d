import type { Origin } from '../audit.js';
import { imagePath, renditionsPath } from '../paths.js';
import type { Rendition } from '../renditions/rendition.js';
import type { ImageContentType } from './media-types.js';

/** An image as its row has it. */
export interface ImageRow extends Origin {
  readonly id: string;
  readonly tenantId: string;
  readonly sha256: string;
  readonly filename: string;
  readonly contentType: ImageContentType;
  readonly bytes: number;
  /** Pixels, as stored: before the EXIF orientation is applied. */
  readonly width: number;
  readonly height: number;
  /** EXIF orientation, 1–8. */
  readonly orientation: number;
  readonly hasAlpha: boolean;
  /** Frames of an animation, pages of a document; else 1. */
  readonly pages: number;
  readonly metadata: ImageMetadata;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly version: number;
}

/** What a client keeps with an image; a JSON object of at most 16 KiB. */
export type ImageMetadata = { readonly [name: string]: unknown };

/** An image as the API shows it. */
export interface Image {
  readonly id: string;
  readonly filename: string;
  readonly contentType: string;
  readonly bytes: number;
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
  readonly orientation: number;
  readonly hasAlpha: boolean;
  readonly pages: number;
  readonly metadata: ImageMetadata;
  readonly createdAt: string;
  readonly renditions?: readonly Rendition[];
  readonly links: { readonly self: string; readonly content: string; readonly renditions: string };
}

/** A row as the API shows it; `renditions` where they were read. */
export function presentImage(row: ImageRow, renditions?: readonly Rendition[]): Image {
  const self = imagePath(row.id);
  return {
    id: row.id,
    filename: row.filename,
    contentType: row.contentType,
    bytes: row.bytes,
    width: row.width,
    height: row.height,
    sha256: row.sha256,
    orientation: row.orientation,
    hasAlpha: row.hasAlpha,
    pages: row.pages,
    metadata: row.metadata,
    createdAt: row.createdAt.toISOString(),
    ...(renditions && { renditions }),
    links: { self, content: `${self}/content`, renditions: renditionsPath(row.id) },
  };
}

/** The weak entity tag of an image: its own changes, and the renditions that it embeds. */
export function imageEtag(row: Pick<ImageRow, 'version'>, renditions: readonly unknown[]): string {
  return `W/"${row.version}.${renditions.length}"`;
}
