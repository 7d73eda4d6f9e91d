import { readFile, rm } from 'node:fs/promises';
import type { RenderTask } from '../../../lib/renditions/render-task.js';
import { heicProblem } from '../failures.js';
import type { KeptSource } from '../metadata.js';
import { type DecodedHeic, decodeHeic } from './decode.js';
import { writeTiff } from './tiff.js';

/** A task whose original libvips can read. */
export interface Readable {
  readonly task: RenderTask;
  /** The original's metadata, where what is read does not have it. */
  readonly metadata: KeptSource | undefined;
  /** Removes what was made for it. */
  close(): Promise<void>;
}

/**
 * Makes a HEIC something that libvips reads: our build of it has no HEVC, and so no hostile HEVC either.
 * A WebAssembly decoder writes the pixels to a temporary TIFF. Every other original is left as it is.
 *
 * @throws Problem IMAGE_CORRUPT, INPUT_TOO_MANY_PIXELS
 */
export async function toReadable(task: RenderTask): Promise<Readable> {
  const [first] = task.renditions;
  if (task.source.contentType !== 'image/heic' || !first) {
    return { task, metadata: undefined, close: async () => undefined };
  }
  const path = `${first.output}.pixels`;
  const close = (): Promise<void> => rm(path, { force: true });
  try {
    const picture = await decode(task);
    await writeTiff(path, picture);
    const { width, height, metadata } = picture;
    // The decoder has turned the picture as HEIF says; EXIF says the same once more.
    const facts = { width, height, orientation: 1, hasAlpha: picture.channels === 4, pages: 1 };
    return {
      task: { ...task, input: path, source: { contentType: 'image/tiff', ...facts } },
      metadata,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function decode({ input, source, maxInputPixels }: RenderTask): Promise<DecodedHeic> {
  const file = await readFile(input);
  try {
    return decodeHeic(file, source.width * source.height, maxInputPixels);
  } catch (error) {
    throw heicProblem(error, maxInputPixels);
  }
}
