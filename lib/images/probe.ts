import { type FileHandle, open } from 'node:fs/promises';
import { Problem } from '../errors.js';
import { formatName, type ImageContentType } from './media-types.js';
import { ByteReader, UnreadableHeader } from './probe/byte-reader.js';
import { readGif } from './probe/gif.js';
import { type HeaderReader, HeaderTally, type ImageHeader, type InputLimits } from './probe/header.js';
import { readAvif, readHeic } from './probe/heif.js';
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

/** What is at hand of a file that has just been written. */
export interface KnownFile {
  /** Bytes. */
  readonly size: number;
  /** Its first bytes, any number of them. */
  readonly head: Buffer;
}

const readers: Readonly<Record<ImageContentType, HeaderReader>> = {
  'image/jpeg': readJpeg,
  'image/png': readPng,
  'image/webp': readWebp,
  'image/gif': readGif,
  'image/avif': readAvif,
  'image/tiff': readTiff,
  'image/heic': readHeic,
};

/**
 * Reads an image's header, and no more of the file than that takes; pixels may be missing or broken.
 *
 * @param path the file
 * @param contentType what it is by its first bytes; see `sniffContentType`
 * @param known spares opening the file where the header lies within the head
 * @throws Problem MEDIA_TYPE_UNSUPPORTED when the header cannot be read or gives no size
 * @throws Problem INPUT_TOO_MANY_PIXELS, INPUT_TOO_MANY_FRAMES, INPUT_TOO_MANY_BANDS, INPUT_PROFILE_TOO_LARGE or
 *   INPUT_METADATA_TOO_LARGE as soon as it is certain
 */
export async function probeImage(
  path: string,
  contentType: ImageContentType,
  limits: InputLimits,
  known?: KnownFile,
): Promise<ImageFacts> {
  const file = new LazyFile(path);
  try {
    const size = known?.size ?? (await file.size());
    const tally = new HeaderTally(limits);
    const header = await readers[contentType](new ByteReader(file, size, known?.head), tally);
    const { width, height, orientation, hasAlpha } = header;
    if (!(width >= 1 && height >= 1)) throw new UnreadableHeader('it has no width or no height');
    if (tally.pages === 0) tally.add(width, height);
    return { contentType, width, height, orientation, hasAlpha, pages: tally.pages };
  } catch (error) {
    if (!(error instanceof UnreadableHeader)) throw error;
    throw new Problem(
      'MEDIA_TYPE_UNSUPPORTED',
      `The file is not a readable ${formatName(contentType)}: ${error.message}.`,
      { cause: error },
    );
  } finally {
    await file.close();
  }
}

/** Opens the file only when it is needed: the header of most images lies within the head. */
class LazyFile {
  readonly #path: string;
  #handle: FileHandle | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }> {
    this.#handle ??= await open(this.#path);
    return this.#handle.read(buffer, offset, length, position);
  }

  async size(): Promise<number> {
    this.#handle ??= await open(this.#path);
    return (await this.#handle.stat()).size;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}
