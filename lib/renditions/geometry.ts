import { invalidField, type Problem } from '../errors.js';
import type { CanonicalOptions } from './canonical.js';
import { formatFacts } from './formats.js';
import type { SourceFacts } from './source-facts.js';

/** A width and a height of one page, in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a rendition will measure: one page's size, and how many pages there are. */
export interface OutputSize extends Size {
  readonly pages: number;
  /** What a page is scaled to before cover crops it or contain pads it. */
  readonly scaled: Size;
}

/**
 * The size of a rendition before anything is decoded: after EXIF orientation, crop, rotate and fit,
 * rounded as sharp rounds. `trim` cannot be known before decoding and is left out here; the thread
 * asks again once it has trimmed.
 *
 * @param maxOutputPixels the most pixels a rendition may have over all its pages
 * @param path where the options stand in the request, such as `renditions.0`
 * @throws Problem OPTIONS_UNPROCESSABLE when the options do not fit this image
 * @throws Problem OUTPUT_TOO_MANY_PIXELS
 */
export function outputSize(
  source: SourceFacts,
  options: CanonicalOptions,
  maxOutputPixels: number,
  path = '',
): OutputSize {
  const at = (field: string): string => (path ? `${path}.${field}` : field);
  checkPages(source, options, at);
  const { scaled, output } = fitSize(
    turnedSize(croppedSize(uprightSize(source), options, at), options),
    options,
  );
  const pages = options.animated ? source.pages : 1;
  // Scaling up to cover a box can make far more pixels than the box keeps.
  const most = Math.max(
    output.width * output.height,
    enlarges(source, scaled) ? scaled.width * scaled.height : 0,
  );
  const sizeField = at(options.width === undefined && options.height !== undefined ? 'height' : 'width');
  if (most * pages > maxOutputPixels) {
    const times = pages > 1 ? ` × ${pages} frames` : '';
    throw invalidField(
      sizeField,
      `leads to ${scaled.width} × ${scaled.height} px${times}; a rendition has at most ${maxOutputPixels} pixels`,
      'OUTPUT_TOO_MANY_PIXELS',
    );
  }
  const { maxSide } = formatFacts(options.format);
  if (Math.max(output.width, output.height) > maxSide) {
    throw unprocessable(
      sizeField,
      `leads to ${output.width} × ${output.height} px; ${options.format} holds at most ${maxSide} px a side`,
    );
  }
  return { ...output, pages, scaled };
}

/** The size of one page once the EXIF orientation is applied (5 to 8 lie on their side). */
export function uprightSize(source: SourceFacts): Size {
  const { width, height, orientation } = source;
  return orientation >= 5 ? { width: height, height: width } : { width, height };
}

/**
 * How an image of `size` is scaled, and what is left of it once cover has cropped or contain has padded.
 * The rules and the rounding are those of sharp's ResolveShrink (src/common.cc).
 */
function fitSize(size: Size, options: CanonicalOptions): { readonly scaled: Size; readonly output: Size } {
  const { width, height, fit } = options;
  const shrink = shrinkOf(size, options);
  const scaled = {
    width: Math.max(1, Math.round(size.width / shrink.width)),
    height: Math.max(1, Math.round(size.height / shrink.height)),
  };
  if (width === undefined || height === undefined) return { scaled, output: scaled };
  if (fit === 'contain') return { scaled, output: { width, height } };
  if (fit !== 'cover') return { scaled, output: scaled };
  return {
    scaled,
    output: { width: Math.min(width, scaled.width), height: Math.min(height, scaled.height) },
  };
}

function shrinkOf(size: Size, options: CanonicalOptions): Size {
  const { fit, width, height } = options;
  let x = width === undefined ? 1 : size.width / width;
  let y = height === undefined ? 1 : size.height / height;
  if (fit !== 'fill') {
    if (width === undefined) x = y;
    else if (height === undefined) y = x;
    else x = y = fit === 'cover' || fit === 'outside' ? Math.min(x, y) : Math.max(x, y);
  }
  const least = options.withoutEnlargement ? 1 : 0;
  return { width: Math.max(x, least), height: Math.max(y, least) };
}

function croppedSize(size: Size, { crop }: CanonicalOptions, at: (field: string) => string): Size {
  if (!crop) return size;
  if (crop.left + crop.width > size.width || crop.top + crop.height > size.height) {
    throw unprocessable(
      at('crop'),
      `reaches ${crop.left + crop.width} × ${crop.top + crop.height} px; this image is ${size.width} × ${size.height} px upright`,
    );
  }
  return { width: crop.width, height: crop.height };
}

/** The box around the turned image, rounded as libvips' affine does. */
function turnedSize({ width, height }: Size, { rotate }: CanonicalOptions): Size {
  if (rotate % 90 === 0) return rotate % 180 === 0 ? { width, height } : { width: height, height: width };
  const [sine, cosine] = [Math.sin, Math.cos].map((f) => Math.abs(f((rotate * Math.PI) / 180)));
  if (sine === undefined || cosine === undefined) return { width, height };
  return {
    width: Math.round(width * cosine + height * sine),
    height: Math.round(width * sine + height * cosine),
  };
}

function checkPages(source: SourceFacts, options: CanonicalOptions, at: (field: string) => string): void {
  if (options.page >= source.pages) {
    const last = source.pages - 1;
    throw unprocessable(at('page'), `is ${options.page}; this image's last page is ${last}`);
  }
  // libvips keeps frames in one tall strip, which cannot be turned frame by frame.
  if (options.animated && source.orientation > 2) {
    throw unprocessable(
      at('animated'),
      'is true; this animation has an EXIF orientation, which only stills can follow',
    );
  }
}

function enlarges(source: SourceFacts, scaled: Size): boolean {
  return scaled.width * scaled.height > source.width * source.height;
}

function unprocessable(path: string, message: string): Problem {
  return invalidField(path, message, 'OPTIONS_UNPROCESSABLE');
}
