import sharp, { type Sharp } from 'sharp';
import type { Size } from '../../lib/renditions/geometry.js';
import type { SourceFacts } from '../../lib/renditions/source-facts.js';
import type { Deadline } from './deadline.js';
import { readingPixels } from './failures.js';

/** How the frames of an animation follow each other; pixels alone do not know. */
export interface Animation {
  /** Milliseconds each frame stands. */
  readonly delay: readonly number[];
  /** How often it plays; 0 is for ever. */
  readonly loop: number;
}

/** Something a pipeline can start from: the file itself or pixels made from it. */
export interface Stage {
  /** What the image measures at this point. Pixels may be fewer: scaled down as far as nobody minds. */
  readonly facts: SourceFacts;
  /** For pixels of several frames. */
  readonly animation: Animation | undefined;
  /** Starts a pipeline; the image comes out upright. */
  open(): Sharp;
  /** Runs a pipeline that this stage started. */
  run<T>(pipeline: () => Promise<T>): Promise<T>;
}

/** What every stage of a task goes by. */
export interface Limits {
  readonly maxInputPixels: number;
  readonly maxInputFrames: number;
  readonly maxOutputPixels: number;
  readonly deadline: Deadline;
}

/** Pixels in memory: 8-bit sRGB, frames of this size one below the other. */
export interface Pixels extends Size {
  readonly data: Buffer;
  readonly channels: 1 | 2 | 3 | 4;
  readonly pages: number;
  readonly hasAlpha: boolean;
}

/** Runs a stage's pipeline to pixels. */
export async function toPixels(stage: Stage, change: (image: Sharp) => Sharp): Promise<Pixels> {
  const image = change(stage.open()).toColourspace('srgb').raw();
  const { data, info } = await stage.run(() => image.toBuffer({ resolveWithObject: true }));
  const { width, channels, hasAlpha, pages = 1, pageHeight = info.height } = info;
  return { data, width, height: pageHeight, channels, pages, hasAlpha };
}

/**
 * A stage that starts from pixels.
 *
 * @param from the stage they were made from
 * @param size what the image measures, where the pixels were scaled down
 */
export function pixelStage(pixels: Pixels, from: Stage, { deadline }: Limits, size: Size = pixels): Stage {
  const { data, width, height, channels, pages, hasAlpha } = pixels;
  const frames = pages > 1 ? { pageHeight: height } : {};
  return {
    facts: { ...from.facts, width: size.width, height: size.height, orientation: 1, hasAlpha },
    animation: from.animation,
    open: () =>
      sharp(data, {
        raw: { width, height: height * pages, channels, ...frames },
        animated: pages > 1,
        // Our own pixels: they were counted when they were made.
        limitInputPixels: false,
      }).timeout({ seconds: deadline.secondsLeft() }),
    run: readingPixels,
  };
}

/** The frames in the opposite order: turning a strip of frames upside down puts the last one first. */
export function reversedFrames(pixels: Pixels): Pixels {
  const bytes = pixels.data.length / pixels.pages;
  const frames = Array.from({ length: pixels.pages }, (_, page) =>
    pixels.data.subarray(page * bytes, (page + 1) * bytes),
  );
  return { ...pixels, data: Buffer.concat(frames.reverse()) };
}
