import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import type { Test } from 'tap';
import { canonicalOptions } from '../../lib/renditions/canonical.js';
import type { RenditionOptions } from '../../lib/renditions/options-schema.js';
import type { RenderedFile, RenderOutcome, RenderTask } from '../../lib/renditions/render-task.js';
import type { SourceFacts } from '../../lib/renditions/source-facts.js';
import resize from '../../workers/resize.js';

// The thread only reads files; the tests also read buffers of the same formats.
const formats = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff'];
sharp.unblock({ operation: formats.map((format) => `VipsForeignLoad${format}Buffer`) });

export type Pixel = readonly number[];

/** Four colours, one a quarter: which way up an image is can be read from its corners. */
export const quarters = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], white: [255, 255, 255] };

/** An image of `width` × `height` with red, green / blue, white quarters. */
export function quartersImage(width: number, height: number): Sharp {
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const top = y < height / 2;
      const left = x < width / 2;
      const colour = top ? (left ? quarters.red : quarters.green) : left ? quarters.blue : quarters.white;
      data.set(colour, (y * width + x) * 3);
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** A different, reproducible texture for each seed. */
export function noiseImage(width: number, height: number, seed = 1): Sharp {
  let state = seed;
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[i] = state >>> 24;
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** An animation of plain frames, one a colour. */
export function animation(
  format: 'gif' | 'webp',
  width: number,
  height: number,
  colours: readonly Pixel[],
): Promise<Buffer> {
  const frames = colours.map((colour) =>
    Buffer.concat(Array.from({ length: width * height }, () => Buffer.from(colour))),
  );
  const raw = { width, height: height * colours.length, channels: 3 as const, pageHeight: height };
  const delay = colours.map((_, index) => 100 + index * 50);
  const image = sharp(Buffer.concat(frames), { raw, animated: true });
  return format === 'gif'
    ? image.gif({ delay, loop: 3 }).toBuffer()
    : image.webp({ delay, loop: 3, lossless: true }).toBuffer();
}

/** The facts that the API would have found in the file's header. */
export async function factsOf(file: Buffer): Promise<SourceFacts> {
  const header = await sharp(file).metadata();
  const format = header.format === 'heif' ? 'avif' : header.format;
  return {
    contentType: `image/${format}`,
    width: header.width,
    height: header.height,
    orientation: header.orientation ?? 1,
    hasAlpha: header.hasAlpha,
    pages: header.pages ?? 1,
  };
}

/** A task of these options for this file, in a folder of its own. */
export async function taskFor(
  t: Test,
  file: Buffer,
  options: readonly RenditionOptions[],
  change: Partial<RenderTask> = {},
): Promise<RenderTask> {
  const folder = await mkdtemp(join(tmpdir(), 'halftone-resize-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const input = join(folder, 'input');
  await writeFile(input, file);
  const source = change.source ?? (await factsOf(file));
  return {
    input,
    source,
    renditions: options.map((each, index) => ({
      id: `rendition-${index}`,
      options: canonicalOptions(each, source),
      output: join(folder, `output-${index}`),
    })),
    maxInputPixels: 100_000_000,
    maxInputFrames: 512,
    maxOutputPixels: 50_000_000,
    timeoutSeconds: 60,
    ...change,
  };
}

/** Runs a task that must succeed. */
export async function filesOf(task: RenderTask): Promise<readonly RenderedFile[]> {
  const outcome: RenderOutcome = await resize(task);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problem));
  return outcome.files;
}

/** Makes one rendition and gives back its facts, an opener and its path. */
export async function render(t: Test, file: Buffer, options: RenditionOptions) {
  const task = await taskFor(t, file, [options]);
  const [made] = await filesOf(task);
  const [rendition] = task.renditions;
  if (!made || !rendition) throw new Error('no rendition was made');
  const path = rendition.output;
  return { ...made, path, metadata: await sharp(path, { animated: true }).metadata() };
}

/** The colour at a point of an image file, as red, green, blue and, where there is one, alpha. */
export async function pixelAt(path: string | Buffer, x: number, y: number, page = 0): Promise<number[]> {
  const { data, info } = await sharp(path, { page }).raw().toBuffer({ resolveWithObject: true });
  const at = (y * info.width + x) * info.channels;
  return [...data.subarray(at, at + info.channels)];
}

/** Whether two colours look the same: lossy formats shift each channel a little. */
export function near(actual: Pixel, expected: Pixel, tolerance = 12): boolean {
  return expected.every((value, index) => Math.abs((actual[index] ?? -1000) - value) <= tolerance);
}

/** Which colour stands in each corner's quarter. */
export async function corners(path: string | Buffer): Promise<string[]> {
  const { width, height } = await sharp(path).metadata();
  const points = [
    [0.25, 0.25],
    [0.75, 0.25],
    [0.25, 0.75],
    [0.75, 0.75],
  ] as const;
  return Promise.all(
    points.map(async ([x, y]) => {
      const pixel = await pixelAt(path, Math.floor(x * width), Math.floor(y * height));
      return Object.entries(quarters).find(([, colour]) => near(pixel, colour, 30))?.[0] ?? pixel.join();
    }),
  );
}
