import { open } from 'node:fs/promises';
import { Problem } from '../errors.js';
import { formatName, type ImageContentType } from './media-types.js';
import { readAvif } from './probe/avif.js';
import { ByteReader, UnreadableHeader } from './probe/byte-reader.js';
import { readGif } from './probe/gif.js';
import { type HeaderReader, type ImageHeader, PageCounter } from './probe/header.js';
import { readJpeg } from './probe/jpeg.js';
import { readPng } from './probe/png.js';
import { readTiff } from './probe/tiff.js';
import { readWebp } from './probe/webp.js';

/** What is known of an image without decoding it; it agrees with what libvips says of a sound file. */
export interface ImageFacts extends ImageHeader {
  readonly contentType: ImageContentType;
  /** Pages of a TIFF, frames of a GIF or WebP; 1 for everything else. */
  readonly pages: number;
}

/** The bounds of {@link probeImage}. */
export interface ProbeLimits {
  /** Pixels of all pages together. */
  readonly maxPixels: number;
}

const readers: Readonly<Record<ImageContentType, HeaderReader>> = {
  'image/jpeg': readJpeg,
  'image/png': readPng,
  'image/webp': readWebp,
  'image/gif': readGif,
  'image/avif': readAvif,
  'image/tiff': readTiff,
};

/**
 * Reads an image's header, and no more of the file than that takes; pixels may be missing or broken.
 *
 * @param path the file
 * @param contentType what it is by its first bytes; see `sniffContentType`
 * @throws Problem MEDIA_TYPE_UNSUPPORTED when the header cannot be read or gives no size
 * @throws Problem INPUT_TOO_MANY_PIXELS as soon as it is certain
 */
export async function probeImage(
  path: string,
  contentType: ImageContentType,
  { maxPixels }: ProbeLimits,
): Promise<ImageFacts> {
  const handle = await open(path);
  try {
    const { size } = await handle.stat();
    const counter = new PageCounter(maxPixels);
    const header = await readers[contentType](new ByteReader(handle, size), counter);
    const { width, height, orientation, hasAlpha } = header;
    if (!(width >= 1 && height >= 1)) throw new UnreadableHeader('it has no width or no height');
    if (counter.pages === 0) counter.add(width, height);
    return { contentType, width, height, orientation, hasAlpha, pages: counter.pages };
  } catch (error) {
    if (!(error instanceof UnreadableHeader)) throw error;
    throw new Problem(
      'MEDIA_TYPE_UNSUPPORTED',
      `The file is not a readable ${formatName(contentType)}: ${error.message}.`,
      { cause: error },
    );
  } finally {
    await handle.close();
  }
}
