import { Problem } from '../errors.js';

interface FormatFacts {
  readonly contentType: string;
  /** File name extension, without the dot. */
  readonly extension: string;
  /** The longest side the format can hold, in pixels. */
  readonly maxSide: number;
  /** Whether it can hold more than one frame. */
  readonly animation: boolean;
  /** Whether `lossless` is a choice. */
  readonly lossless: boolean;
  /** The quality where none is asked for; undefined where quality does not change the picture. */
  readonly quality: number | undefined;
  /** The range of `effort`, sharp's own, and our default. */
  readonly effort: { readonly min: number; readonly max: number; readonly default: number } | undefined;
}

/**
 * What we encode. Qualities are sharp's defaults. Efforts are sharp's too but for two, where speed was
 * worth more: a 5-megapixel AVIF takes 3 s at effort 3 and 13 s at 4 for 15 % fewer bytes; WebP at 2
 * takes less than half the time of 4 for 5 % more.
 */
export const formats = {
  jpeg: {
    contentType: 'image/jpeg',
    extension: 'jpg',
    maxSide: 65_535,
    animation: false,
    lossless: false,
    quality: 80,
    effort: undefined,
  },
  png: {
    contentType: 'image/png',
    extension: 'png',
    maxSide: 2 ** 31 - 1,
    animation: false,
    lossless: false,
    quality: 100,
    effort: { min: 1, max: 10, default: 7 },
  },
  webp: {
    contentType: 'image/webp',
    extension: 'webp',
    maxSide: 16_383,
    animation: true,
    lossless: true,
    quality: 80,
    effort: { min: 0, max: 6, default: 2 },
  },
  avif: {
    contentType: 'image/avif',
    extension: 'avif',
    maxSide: 16_384,
    animation: false,
    lossless: true,
    quality: 50,
    effort: { min: 0, max: 9, default: 3 },
  },
  gif: {
    contentType: 'image/gif',
    extension: 'gif',
    maxSide: 65_535,
    animation: true,
    lossless: false,
    quality: undefined,
    effort: { min: 1, max: 10, default: 7 },
  },
  tiff: {
    contentType: 'image/tiff',
    extension: 'tiff',
    maxSide: 2 ** 31 - 1,
    animation: false,
    lossless: false,
    quality: undefined,
    effort: undefined,
  },
} as const satisfies Record<string, FormatFacts>;

/** A format we encode. */
export type Format = keyof typeof formats;

const names = Object.keys(formats).filter((name): name is Format => name in formats);

/** The formats whose row of {@link formats} passes `test`, as a client reads it: `webp, avif`. */
export function formatsWith(test: (facts: FormatFacts) => boolean): string {
  return names.filter((name) => test(formats[name])).join(', ');
}

/** The facts of a format, widened so that any format can be asked. */
export function formatFacts(format: Format): FormatFacts {
  return formats[format];
}

/** The media type of a format. */
export function contentTypeOf(format: Format): string {
  return formats[format].contentType;
}

/** The file name extension of a format, without the dot. */
export function extensionOf(format: Format): string {
  return formats[format].extension;
}

/**
 * The format an original is in, for `format: original`. HEIC becomes JPEG: nothing here encodes HEVC.
 *
 * @throws Problem OPTIONS_UNPROCESSABLE when it is one we do not encode
 */
export function formatOf(contentType: string): Format {
  const format = names.find((name) => formats[name].contentType === contentType);
  if (format) return format;
  if (contentType === 'image/heic') return 'jpeg';
  throw new Problem('OPTIONS_UNPROCESSABLE', `Renditions cannot be made in the original's ${contentType}.`);
}
