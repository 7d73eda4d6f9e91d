import { Problem } from '../../errors.js';
import { checkBands, checkFrames, checkMetadata, checkProfile } from '../../renditions/input-limits.js';
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
 * Reads the header of one format, and tells the tally what the image is made of.
 *
 * It throws UnreadableHeader where no size can be had, and through the tally what {@link HeaderTally} does.
 */
export type HeaderReader = (file: ByteReader, tally: HeaderTally) => Promise<ImageHeader>;

/** The bounds of an image. */
export interface InputLimits {
  /** Pixels of all pages together. */
  readonly maxPixels: number;
  /** Pages or frames. */
  readonly maxFrames: number;
}

/** Adds up what an image is made of until something is too much. */
export class HeaderTally {
  readonly #limits: InputLimits;
  #pages = 0;
  #pixels = 0;
  #profileBytes = 0;
  #metadataBytes = 0;

  constructor(limits: InputLimits) {
    this.#limits = limits;
  }

  get pages(): number {
    return this.#pages;
  }

  /**
   * Counts one more page.
   *
   * @throws Problem INPUT_TOO_MANY_PIXELS as soon as all pages so far have more than the limit, or
   *   INPUT_TOO_MANY_FRAMES
   */
  add(width: number, height: number): void {
    const { maxPixels, maxFrames } = this.#limits;
    this.#pages += 1;
    this.#pixels += width * height;
    checkFrames(this.#pages, maxFrames);
    if (this.#pixels <= maxPixels) return;
    const frames = this.#pages > 1 ? `×${this.#pages} (width×height×frames, maybe more)` : '';
    throw new Problem(
      'INPUT_TOO_MANY_PIXELS',
      `The image has ${width}×${height}${frames} pixels; at most ${maxPixels} are taken.`,
    );
  }

  /** Colours and alpha of a pixel. @throws Problem INPUT_TOO_MANY_BANDS */
  bands(count: number): void {
    checkBands(count);
  }

  /** Bytes of the colour profile, or of a part of it. @throws Problem INPUT_PROFILE_TOO_LARGE */
  profile(bytes: number): void {
    this.#profileBytes += bytes;
    checkProfile(this.#profileBytes);
  }

  /** Bytes of EXIF, XMP and the like. @throws Problem INPUT_METADATA_TOO_LARGE */
  metadata(bytes: number): void {
    this.#metadataBytes += bytes;
    checkMetadata(this.#metadataBytes);
  }
}
