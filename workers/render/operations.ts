import type { Sharp } from 'sharp';
import type { CanonicalOptions } from '../../lib/renditions/canonical.js';
import { outputSize, type Size } from '../../lib/renditions/geometry.js';
import { type Limits, pixelStage, reversedFrames, type Stage, toPixels } from './stage.js';

// sharp refuses to look for borders in less.
const MIN_TRIM_SIDE = 3;

/**
 * Builds one rendition's pipeline up to the encoder, in the documented order: EXIF orientation, crop,
 * flip, flop and rotate, trim, resize, grayscale, blur, sharpen.
 *
 * @throws Problem OPTIONS_UNPROCESSABLE, OUTPUT_TOO_MANY_PIXELS and what reading the image throws
 */
export async function shape(stage: Stage, options: CanonicalOptions, limits: Limits): Promise<Sharp> {
  // Asked first, so that a crop outside of the image is refused before anything is decoded.
  const size = outputSize(stage.facts, options, limits.maxOutputPixels);
  if (isOnePass(options)) return finish(prepare(stage.open(), options), size, options);
  const prepared = await prepareInSteps(stage, options, limits);
  const { crop: _crop, trim: _trim, ...others } = options;
  const rest = { ...others, rotate: 0, flip: false, flop: false };
  return finish(prepared.open(), outputSize(prepared.facts, rest, limits.maxOutputPixels), rest);
}

/** Whether scaling comes before anything that needs every pixel, so that a scaled-down decode will do. */
export function scalesFirst({ crop, trim, rotate }: CanonicalOptions): boolean {
  return !crop && !trim && rotate === 0;
}

/** What one sharp pipeline does in the documented order; it would turn before it crops, and trim before either. */
function isOnePass({ crop, trim, rotate, flip, animated }: CanonicalOptions): boolean {
  return !trim && !(crop && rotate !== 0) && !(animated && flip);
}

function prepare(image: Sharp, options: CanonicalOptions): Sharp {
  const { crop } = options;
  return turn(crop ? image.extract(crop) : image, options);
}

function turn(image: Sharp, { rotate, flip, flop, background }: CanonicalOptions): Sharp {
  if (flip) image.flip();
  if (flop) image.flop();
  return rotate === 0 ? image : image.rotate(rotate, { background });
}

/** One operation at a time, each from the pixels of the one before. */
async function prepareInSteps(stage: Stage, options: CanonicalOptions, limits: Limits): Promise<Stage> {
  const { crop, trim, rotate, flip, flop, animated } = options;
  const step = async (from: Stage, change: (image: Sharp) => Sharp): Promise<Stage> =>
    pixelStage(await toPixels(from, change), from, limits);
  let now = stage;
  if (crop) now = await step(now, (image) => image.extract(crop));
  if (animated && flip) {
    now = pixelStage(reversedFrames(await toPixels(now, (image) => image)), now, limits);
  }
  if (flip || flop || rotate !== 0) now = await step(now, (image) => turn(image, options));
  const { width, height } = now.facts;
  if (trim && Math.min(width, height) >= MIN_TRIM_SIDE) now = await step(now, (image) => image.trim(trim));
  return now;
}

function finish(image: Sharp, size: Size, options: CanonicalOptions): Sharp {
  const { blur, sharpen, grayscale } = options;
  resize(image, size, options);
  if (grayscale) image.grayscale();
  if (blur) image.blur(blur);
  if (sharpen === true) image.sharpen();
  else if (sharpen) image.sharpen(sharpen);
  return image;
}

/**
 * Cover and contain are sharp's. For the others the exact size is given: what sharp would round to
 * depends on how far the decoder had scaled down already.
 */
function resize(image: Sharp, size: Size, options: CanonicalOptions): void {
  const { width, height, fit, position, background, withoutEnlargement } = options;
  if (width === undefined && height === undefined) return;
  if (fit === 'cover' || fit === 'contain') {
    image.resize({ width, height, fit, position, background, withoutEnlargement });
  } else {
    image.resize({ width: size.width, height: size.height, fit: 'fill' });
  }
}
