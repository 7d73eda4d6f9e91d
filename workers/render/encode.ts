import type { Sharp } from 'sharp';
import type { CanonicalOptions } from '../../lib/renditions/canonical.js';
import type { Animation } from './stage.js';

const MAX_DELAY_MS = 65_535;
const MAX_LOOPS = 65_535;

/**
 * Chooses the encoder. JPEG is sharp's plain one: baseline, 4:2:0, without mozjpeg, which costs several
 * times the CPU for a tenth of the bytes.
 *
 * @param animation for frames that came as pixels; from a file sharp keeps the file's own
 */
export function encode(image: Sharp, options: CanonicalOptions, animation: Animation | undefined): Sharp {
  const { format, lossless, background } = options;
  const quality = options.quality === undefined ? {} : { quality: options.quality };
  const effort = options.effort === undefined ? {} : { effort: options.effort };
  const frames = animation ? framesOf(animation) : {};
  switch (format) {
    case 'jpeg':
      return image.flatten({ background }).jpeg(quality);
    case 'png':
      return image.png(pngOptions(options));
    case 'webp':
      return image.webp({ ...quality, ...effort, ...frames, lossless });
    case 'avif':
      return image.avif({ ...quality, ...effort, lossless });
    case 'gif':
      return image.gif({ ...effort, ...frames });
    case 'tiff':
      // Lossless: sharp's default, JPEG inside TIFF, has no room for transparency.
      return image.tiff({ compression: 'lzw', predictor: 'horizontal' });
  }
}

/** Pages of a TIFF have no delays, and a file may have longer ones than sharp takes. */
function framesOf({ delay, loop }: Animation): { delay?: number[]; loop: number } {
  const delays = delay.map((ms) => Math.min(Math.max(0, ms), MAX_DELAY_MS));
  return { ...(delays.length > 0 && { delay: delays }), loop: Math.min(Math.max(0, loop), MAX_LOOPS) };
}

/** sharp takes quality and effort for the palette's; without a palette, effort is the compression's. */
function pngOptions({ quality = 100, effort = 7 }: CanonicalOptions) {
  return quality < 100
    ? { palette: true, quality, effort }
    : { palette: false, compressionLevel: effort - 1 };
}
