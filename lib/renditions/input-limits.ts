import { Problem } from '../errors.js';

/** Colours and alpha together: CMYK with alpha is the most that real pictures have. */
const MAX_BANDS = 5;
/** Real profiles have some hundred bytes to half a megabyte; those of printing presses up to three. */
export const MAX_PROFILE_BYTES = 4 * 1024 * 1024;
/** EXIF, XMP, IPTC and texts together. Phones put depth maps of some megabytes into XMP. */
export const MAX_METADATA_BYTES = 16 * 1024 * 1024;

/** @throws Problem INPUT_TOO_MANY_FRAMES when an image has more frames or pages than are taken */
export function checkFrames(frames: number, maxFrames: number): void {
  if (frames <= maxFrames) return;
  throw new Problem(
    'INPUT_TOO_MANY_FRAMES',
    `The image has ${frames} frames or pages, maybe more; at most ${maxFrames} are taken.`,
  );
}

/** @throws Problem INPUT_TOO_MANY_BANDS */
export function checkBands(bands: number): void {
  if (bands <= MAX_BANDS) return;
  throw new Problem(
    'INPUT_TOO_MANY_BANDS',
    `The image has ${bands} bands a pixel; at most ${MAX_BANDS} are taken.`,
  );
}

/**
 * @param bytes of the ICC profile, unpacked
 * @throws Problem INPUT_PROFILE_TOO_LARGE
 */
export function checkProfile(bytes: number): void {
  if (bytes <= MAX_PROFILE_BYTES) return;
  throw new Problem(
    'INPUT_PROFILE_TOO_LARGE',
    `The image has a colour profile of more than ${MAX_PROFILE_BYTES} bytes, the most that is taken.`,
  );
}

/**
 * @param bytes of all metadata together, unpacked
 * @throws Problem INPUT_METADATA_TOO_LARGE
 */
export function checkMetadata(bytes: number): void {
  if (bytes <= MAX_METADATA_BYTES) return;
  throw new Problem(
    'INPUT_METADATA_TOO_LARGE',
    `The image has more than ${MAX_METADATA_BYTES} bytes of metadata, the most that is taken.`,
  );
}
