import readExif from 'exif-reader';
import type { Exif, Metadata, Sharp } from 'sharp';
import { isReadableExif } from './exif-budget.js';

/** What an original's file has. */
export type KeptSource = Pick<Metadata, 'exif' | 'xmpAsString'>;

/** What `keepMetadata` keeps: written anew, tag by tag, so that nothing unknown comes along. */
export interface KeptMetadata {
  readonly exif?: Exif;
  readonly xmp?: string;
}

/** Texts of the main directory. What describes the stored pixels (sizes, orientation, resolution) is not copied. */
const imageTags = new Set([
  'ImageDescription',
  'Make',
  'Model',
  'Software',
  'DateTime',
  'Artist',
  'HostComputer',
  'Copyright',
  'DocumentName',
  'Rating',
]);

/** Pointers, and what no longer holds for the rendition; libvips writes the sizes itself. */
const staleTags = /GPS|Interop|Pixel[XY]Dimension|ColorSpace|MakerNote/i;

/** Names under which XMP tells a place: EXIF's GPS tags, IPTC's and Photoshop's locations. */
const tellsPlace = /gps|location|latitude|longitude|countrycode|photoshop:(city|state|country)|sublocation/i;

/** The metadata of an original that a rendition may carry: never the place, never the orientation. */
export function keepable({ exif, xmpAsString }: KeptSource): KeptMetadata {
  const keptExif = exif && keepableExif(exif);
  const keptXmp = xmpAsString === undefined ? undefined : keepableXmp(xmpAsString);
  return { ...(keptExif && { exif: keptExif }), ...(keptXmp !== undefined && { xmp: keptXmp }) };
}

/** Writes the kept metadata with an image. GIF has no room for it, and libvips writes no EXIF in TIFF. */
export function withMetadata(image: Sharp, { exif, xmp }: KeptMetadata): Sharp {
  const withExif = exif ? image.withExif(exif) : image;
  return xmp ? withExif.withXmp(xmp) : withExif;
}

function keepableExif(data: Buffer): Exif | undefined {
  if (!isReadableExif(data)) return undefined;
  try {
    const { Image = {}, Photo = {} } = readExif(data);
    return {
      IFD0: directory(Image, (name) => imageTags.has(name)),
      IFD2: directory(Photo, (name) => !staleTags.test(name) && !/^\d/.test(name)),
    };
  } catch {
    // Broken metadata is no reason to fail a rendition.
    return undefined;
  }
}

function directory(tags: object | null, keeps: (name: string) => boolean): Record<string, string> {
  const texts = Object.entries(tags ?? {})
    .filter(([name]) => keeps(name))
    .map(([name, value]) => [name, tagText(name, value)] as const)
    .filter((entry): entry is readonly [string, string] => entry[1] !== undefined && entry[1] !== '');
  return Object.fromEntries(texts);
}

/** A tag's value in the text form that libvips reads, or undefined where it has none. */
function tagText(name: string, value: unknown): string | undefined {
  if (typeof value === 'string') return plainText(value);
  if (typeof value === 'number') return rational(value);
  if (value instanceof Date) return exifTime(value);
  // Text with letters beyond ASCII comes as bytes; only the main directory's tags are sure to be text.
  if (Buffer.isBuffer(value)) return imageTags.has(name) ? plainText(value.toString('utf8')) : undefined;
  if (Array.isArray(value) && value.length <= 4 && value.every((item) => typeof item === 'number')) {
    return value.map(rational).join(' ');
  }
  return undefined;
}

/** libvips takes a bracket at the end for its own annotation and drops it, so it gets one to drop. */
function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is cut out
  const clean = text.replace(/[\u0000-\u001f]+/g, ' ').trim();
  return clean.endsWith(')') ? `${clean} ()` : clean;
}

/** A number as an integer or a fraction: libvips rounds decimals to thousandths, and 1/8000 s to 0. */
function rational(value: number): string {
  if (!Number.isFinite(value)) return '0';
  if (Number.isInteger(value)) return String(value);
  const inverse = Math.round(1 / value);
  return Math.abs(value) < 1 && Math.abs(1 / value - inverse) < 1e-6 * Math.abs(inverse)
    ? `${Math.sign(inverse)}/${Math.abs(inverse)}`
    : `${Math.round(value * 10_000)}/10000`;
}

function exifTime(time: Date): string | undefined {
  if (Number.isNaN(time.getTime())) return undefined;
  return time.toISOString().slice(0, 19).replace('T', ' ').replaceAll('-', ':');
}

function keepableXmp(xmp: string): string | undefined {
  // Another encoding than UTF-8 would hide the names from the test.
  if (tellsPlace.test(xmp) || xmp.includes('\0') || xmp.includes('\ufffd')) return undefined;
  return xmp
    .replace(/(tiff:Orientation\s*=\s*["'])\d+/g, '$11')
    .replace(/(<tiff:Orientation[^>]*>)\s*\d+/g, '$11');
}
