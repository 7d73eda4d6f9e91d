import { hash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.js';
import { Problem } from '../errors.js';
import { onWhite, parseColour, toHex } from './colour.js';
import { formatErrors } from './combinations.js';
import { type Format, formatFacts, formatOf } from './formats.js';
import type { RenditionOptions } from './options-schema.js';
import type { SourceFacts } from './source-facts.js';

/** A part of an image, in pixels from its top-left corner. */
export type Crop = {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
};

/** What to cut off: borders that differ from `background` (else the top-left pixel) by at most `threshold`. */
export type Trim = {
  readonly threshold: number;
  readonly background?: string;
};

/**
 * Options with every default resolved for one source, and one spelling for one meaning. Colours are
 * `#rrggbbaa`, `rotate` is 0 to 359, the format is never `original`, and the name is left out.
 */
export type CanonicalOptions = {
  readonly animated: boolean;
  readonly background: string;
  readonly blur?: true | number;
  readonly crop?: Crop;
  readonly effort?: number;
  readonly fit: NonNullable<RenditionOptions['fit']>;
  readonly flip: boolean;
  readonly flop: boolean;
  readonly format: Format;
  readonly grayscale: boolean;
  readonly height?: number;
  readonly keepMetadata: boolean;
  readonly lossless: boolean;
  readonly page: number;
  readonly position: NonNullable<RenditionOptions['position']>;
  readonly quality?: number;
  readonly rotate: number;
  readonly sharpen?: true | { readonly sigma: number };
  readonly trim?: Trim;
  readonly width?: number;
  readonly withoutEnlargement: boolean;
};

/**
 * Resolves options for one source. The same request in two spellings gives the same options.
 *
 * @param path where the options stand in the request, such as `renditions.0`
 * @throws Problem OPTIONS_UNPROCESSABLE when the original's own format cannot do what is asked
 */
export function canonicalOptions(
  options: RenditionOptions,
  source: SourceFacts,
  path = '',
): CanonicalOptions {
  const format =
    options.format === undefined || options.format === 'original'
      ? formatOf(source.contentType)
      : options.format;
  // A still has nothing to animate, so a preset with `animated` serves every image.
  const animated = options.animated === true && source.pages > 1;
  refuseForFormat({ ...options, animated }, format, path);
  const { crop, trim, blur, sharpen, width, height } = options;
  return {
    animated,
    background: backgroundFor(format, options.background),
    format,
    grayscale: options.grayscale ?? false,
    keepMetadata: options.keepMetadata ?? false,
    lossless: options.lossless ?? false,
    page: options.page ?? 0,
    withoutEnlargement: options.withoutEnlargement ?? true,
    ...placement(options),
    ...turn(options),
    ...encoding(options, format),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(crop && { crop }),
    ...(trim && { trim: trimOf(trim) }),
    ...(blur && { blur }),
    ...(sharpen && { sharpen }),
  };
}

/** The texts of canonical options: ids and names are made of them, and the members of a batch share them. */
const texts = new WeakMap<CanonicalOptions, string>();

function textOf(canonical: CanonicalOptions): string {
  const known = texts.get(canonical);
  if (known !== undefined) return known;
  const text = canonicalJson(canonical);
  texts.set(canonical, text);
  return text;
}

/** A short name for canonical options, for storage keys: 32 hexadecimal digits of their SHA-256. */
export function optionsHash(canonical: CanonicalOptions): string {
  return hash('sha256', textOf(canonical)).slice(0, 32);
}

/**
 * The id of the rendition that these options make of this original: always the same one.
 *
 * @param sha256 the original's digest, hexadecimal
 * @returns a UUID of version 8 (RFC 9562, section 5.8), lower-case
 */
export function renditionId(sha256: string, canonical: CanonicalOptions): string {
  const hex = hash('sha256', `${sha256}\n${textOf(canonical)}`);
  const variant = (0x8 | (Number.parseInt(hex.charAt(16), 16) & 0x3)).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function refuseForFormat(options: RenditionOptions, format: Format, path: string): void {
  const errors = formatErrors(options, format).map((error) => ({
    ...error,
    path: path ? `${path}.${error.path}` : error.path,
  }));
  const [first] = errors;
  if (first) throw new Problem('OPTIONS_UNPROCESSABLE', `${first.path} ${first.message}`, { errors });
}

/** JPEG has no alpha, so there the colour is laid on white. */
function backgroundFor(format: Format, text = 'transparent'): string {
  const colour = parseColour(text);
  if (!colour) throw new Error(`background was not checked: ${text}`);
  return toHex(format === 'jpeg' ? onWhite(colour) : colour);
}

const compass: Partial<Record<CanonicalOptions['position'], CanonicalOptions['position']>> = {
  center: 'centre',
  top: 'north',
  'right top': 'northeast',
  right: 'east',
  'right bottom': 'southeast',
  bottom: 'south',
  'left bottom': 'southwest',
  left: 'west',
  'left top': 'northwest',
};

/** Fit and position say nothing unless there is a box to fit. */
function placement(options: RenditionOptions): Pick<CanonicalOptions, 'fit' | 'position'> {
  const { width, height, fit = 'cover', position = 'centre' } = options;
  const one = (width === undefined) !== (height === undefined);
  const both = width !== undefined && height !== undefined;
  if (both && (fit === 'cover' || fit === 'contain')) return { fit, position: compass[position] ?? position };
  return { fit: both || (one && fit === 'fill') ? fit : 'inside', position: 'centre' };
}

/** Half a turn is both mirrors, which scaled-down decoding and animations can do and turning cannot. */
function turn(options: RenditionOptions): Pick<CanonicalOptions, 'flip' | 'flop' | 'rotate'> {
  const { flip = false, flop = false } = options;
  const rotate = (((options.rotate ?? 0) % 360) + 360) % 360;
  return rotate === 180 ? { flip: !flip, flop: !flop, rotate: 0 } : { flip, flop, rotate };
}

function encoding(options: RenditionOptions, format: Format): Pick<CanonicalOptions, 'effort' | 'quality'> {
  const facts = formatFacts(format);
  const quality = facts.quality === undefined ? undefined : (options.quality ?? facts.quality);
  const effort = options.effort ?? facts.effort?.default;
  return { ...(quality !== undefined && { quality }), ...(effort !== undefined && { effort }) };
}

function trimOf(trim: NonNullable<RenditionOptions['trim']>): Trim {
  const { threshold = 10, background } = typeof trim === 'object' ? trim : {};
  const colour = background === undefined ? undefined : parseColour(background);
  return { ...(colour && { background: toHex(colour) }), threshold };
}
