import sharp, { type Metadata, type Sharp } from 'sharp';
import type { CanonicalOptions } from '../../lib/renditions/canonical.js';
import { checkBands, checkFrames, checkMetadata, checkProfile } from '../../lib/renditions/input-limits.js';
import type { RenderTask } from '../../lib/renditions/render-task.js';
import type { SourceFacts } from '../../lib/renditions/source-facts.js';
import { readingImage } from './failures.js';
import { type KeptMetadata, type KeptSource, keepable } from './metadata.js';
import type { Limits, Stage } from './stage.js';

/** The original as a stage, with the metadata that its renditions may keep. */
export interface Original {
  readonly stage: Stage;
  readonly metadata: KeptMetadata;
}

/** How an original is opened; see {@link openOriginal}. */
interface Reading {
  readonly trustFacts: boolean;
  readonly keepsMetadata: boolean;
  readonly metadata: KeptSource | undefined;
}

/** Which of a file's pages are decoded. */
export type Selection = Pick<CanonicalOptions, 'animated' | 'page'>;

/**
 * Opens the original for one selection of its pages.
 *
 * @param how `trustFacts` skips libvips's own look at the header: it takes a millisecond, a thirtieth of a
 *   small rendition, and a plain JPEG's tells nothing that the task does not say. `keepsMetadata` reads
 *   what renditions may keep; `metadata` is that, where the file that is read does not have it
 */
export async function openOriginal(
  task: RenderTask,
  selection: Selection,
  limits: Limits,
  { trustFacts, keepsMetadata, metadata }: Reading,
): Promise<Original> {
  const { deadline, maxInputPixels } = limits;
  const open = (): Sharp =>
    sharp(task.input, {
      // Damage and missing ends fail; the harmless warnings of real cameras pass.
      failOn: 'error',
      limitInputPixels: maxInputPixels,
      autoOrient: true,
      ...(selection.animated ? { animated: true } : selection.page > 0 && { page: selection.page }),
    }).timeout({ seconds: deadline.secondsLeft() });
  const run = <T>(pipeline: () => Promise<T>): Promise<T> => readingImage(pipeline, maxInputPixels);
  if (trustFacts) return { stage: { facts: task.source, animation: undefined, open, run }, metadata: {} };
  const header = await run(() => open().metadata());
  checkHeader(header, limits.maxInputFrames);
  return {
    stage: {
      facts: factsOf(header, task.source),
      animation: selection.animated ? { delay: header.delay ?? [], loop: header.loop ?? 0 } : undefined,
      open: () => toSrgb(open(), header),
      run,
    },
    metadata: keepsMetadata ? keepable(metadata ?? header) : {},
  };
}

/**
 * The limits once more, by what libvips has read: the API has counted in the file's header, and the two
 * may see a hostile file differently.
 */
function checkHeader(header: Metadata, maxInputFrames: number): void {
  const { pages = 1, channels, icc, exif, xmp, iptc, tifftagPhotoshop } = header;
  checkFrames(pages, maxInputFrames);
  checkBands(channels);
  checkProfile(icc?.length ?? 0);
  const blocks = [exif, xmp, iptc, tifftagPhotoshop].map((block) => block?.length ?? 0);
  checkMetadata(blocks.reduce((sum, bytes) => sum + bytes));
}

/** What libvips says of the selected page: the pages of a TIFF may differ in size. */
function factsOf(header: Metadata, source: SourceFacts): SourceFacts {
  return {
    ...source,
    width: header.width,
    height: header.pageHeight ?? header.height,
    orientation: header.orientation ?? 1,
    hasAlpha: header.hasAlpha,
  };
}

/**
 * sharp works on 16-bit colour in Display P3 and takes the result for sRGB unless told what to convert
 * to; images without a profile are not converted, and must not be told.
 */
function toSrgb(image: Sharp, { depth, space, hasProfile }: Metadata): Sharp {
  return depth === 'ushort' && space === 'rgb16' && hasProfile
    ? image.withIccProfile('srgb', { attach: false })
    : image;
}
