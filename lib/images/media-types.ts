import { fileTypeFromBuffer } from 'file-type';
import { Problem } from '../errors.js';

/** The media types an upload may have. */
export const acceptedContentTypes = [
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/gif',
  'image/avif',
  'image/tiff',
  'image/heic',
] as const;

/** One of {@link acceptedContentTypes}. */
export type ImageContentType = (typeof acceptedContentTypes)[number];

const formats: Readonly<Record<ImageContentType, { name: string; extension: string }>> = {
  'image/jpeg': { name: 'JPEG', extension: 'jpg' },
  'image/png': { name: 'PNG', extension: 'png' },
  'image/webp': { name: 'WebP', extension: 'webp' },
  'image/gif': { name: 'GIF', extension: 'gif' },
  'image/avif': { name: 'AVIF', extension: 'avif' },
  'image/tiff': { name: 'TIFF', extension: 'tiff' },
  'image/heic': { name: 'HEIC', extension: 'heic' },
};

const acceptedNames = new Intl.ListFormat('en').format(
  acceptedContentTypes.map((contentType) => formats[contentType].name),
);

/** The usual file extension of a media type, without the dot. */
export function extensionFor(contentType: ImageContentType): string {
  return formats[contentType].extension;
}

/** What people call a media type: `JPEG` for `image/jpeg`. */
export function formatName(contentType: ImageContentType): string {
  return formats[contentType].name;
}

/**
 * Says what a file is by its bytes alone; its name and its declared type do not count.
 *
 * @param head the first 4100 bytes or more, or the whole file when that is smaller
 * @throws Problem MEDIA_TYPE_UNSUPPORTED that says what the file is, if known, and what is taken
 */
export async function sniffContentType(head: Uint8Array): Promise<ImageContentType> {
  const detected = await detect(head);
  const contentType = acceptedContentTypes.find((accepted) => accepted === detected);
  if (contentType) return contentType;
  throw new Problem(
    'MEDIA_TYPE_UNSUPPORTED',
    `${detected ? `The file is ${detected}` : 'The file is of no type known here'}; it must be ${acceptedNames}.`,
    { headers: { Accept: acceptedContentTypes.join(', ') } },
  );
}

async function detect(head: Uint8Array): Promise<string | undefined> {
  const mime = (await fileTypeFromBuffer(head))?.mime;
  if (mime === 'image/apng') return 'image/png';
  if (mime && heifTypes.test(mime)) return heifContentType(head) ?? mime;
  // file-type looks into a TIFF's directory to tell raw photos apart; most writers put it behind the pixels.
  return mime ?? (hasTiffMagic(head) ? 'image/tiff' : undefined);
}

/** HEIF by its main brand, stills and sequences: `mif1` says nothing of how the picture is coded. */
const heifTypes = /^image\/hei[cf](-sequence)?$/;
const avifBrands: ReadonlySet<string> = new Set(['avif', 'avis']);
/** Those of pictures coded by HEVC, 8 and 10 bits, layered ones among them (ISO/IEC 23008-12, annex B.4). */
const heicBrands: ReadonlySet<string> = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx']);

/** What a HEIF holds, by all of its brands: the main one may be `mif1` (AVIF 1.1, section 6). */
function heifContentType(head: Uint8Array): ImageContentType | undefined {
  const view = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const brands = view.toString('latin1', 8, view.readUInt32BE(0)).match(/.{4}/gs) ?? [];
  if (brands.some((brand) => avifBrands.has(brand))) return 'image/avif';
  return brands.some((brand) => heicBrands.has(brand)) ? 'image/heic' : undefined;
}

function hasTiffMagic(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, 4)).toString('latin1');
  return magic === 'II*\0' || magic === 'MM\0*';
}
