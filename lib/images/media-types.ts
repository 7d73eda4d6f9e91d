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
  if (mime?.startsWith('image/heif') && hasAvifBrand(head)) return 'image/avif';
  // file-type looks into a TIFF's directory to tell raw photos apart; most writers put it behind the pixels.
  return mime ?? (hasTiffMagic(head) ? 'image/tiff' : undefined);
}

/** An AVIF may call itself `mif1` first and name `avif` among its compatible brands (AVIF 1.1, section 6). */
function hasAvifBrand(head: Uint8Array): boolean {
  const view = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  const brands: readonly string[] = view.toString('latin1', 16, view.readUInt32BE(0)).match(/.{4}/gs) ?? [];
  return brands.includes('avif') || brands.includes('avis');
}

function hasTiffMagic(head: Uint8Array): boolean {
  const magic = Buffer.from(head.subarray(0, 4)).toString('latin1');
  return magic === 'II*\0' || magic === 'MM\0*';
}
