import { Problem } from '../../errors.js';
import type { ByteReader } from './byte-reader.js';

/** How the stored picture is turned for display, 1 to 8 (1: not at all; Exif 2.32, tag 0x0112). */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const orientations: readonly Orientation[] = [1, 2, 3, 4, 5, 6, 7, 8];

/** The orientation that a stored value means; whatever is no orientation means 1. */
export function toOrientation(value: number | undefined): Orientation {
  return orientations.find((orientation) => orientation === value) ?? 1;
}

/** What a header says; width and height in pixels as stored, before the orientation is applied. */
export interface ImageHeader {
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
  readonly hasAlpha: boolean;
}

/**
 * Reads the header of one format, and counts the pages of a format that has several.
 *
 * It throws UnreadableHeader where no size can be had, and Problem INPUT_TOO_MANY_PIXELS through `pages`.
 */
export type HeaderReader = (file: ByteReader, pages: PageCounter) => Promise<ImageHeader>;

/** Counts pages or frames until their pixels are too many. */
export class PageCounter {
  readonly #maxPixels: number;
  #pages = 0;
  #pixels = 0;

  constructor(maxPixels: number) {
    this.#maxPixels = maxPixels;
  }

  get pages(): number {
    return this.#pages;
  }

  /**
   * Counts one more page.
   *
   * @throws Problem INPUT_TOO_MANY_PIXELS as soon as all pages so far have more than the limit
   */
  add(width: number, height: number): void {
    this.#pages += 1;
    this.#pixels += width * height;
    if (this.#pixels <= this.#maxPixels) return;
    const frames = this.#pages > 1 ? `×${this.#pages} (width×height×frames, maybe more)` : '';
    throw new Problem(
      'INPUT_TOO_MANY_PIXELS',
      `The image has ${width}×${height}${frames} pixels; at most ${this.#maxPixels} are taken.`,
    );
  }
}
