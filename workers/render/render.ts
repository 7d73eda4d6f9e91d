import { createHash } from 'node:crypto';
import { contentTypeOf } from '../../lib/renditions/formats.js';
import { outputSize, type Size, uprightSize } from '../../lib/renditions/geometry.js';
import type { RenderedFile, RenderTask, RenditionTask } from '../../lib/renditions/render-task.js';
import { Deadline } from './deadline.js';
import { encode } from './encode.js';
import { type Readable, toReadable } from './heic/still.js';
import { type KeptSource, withMetadata } from './metadata.js';
import { scalesFirst, shape } from './operations.js';
import { type Original, openOriginal } from './original.js';
import { type Limits, pixelStage, type Stage, toPixels } from './stage.js';
import { writeSynced } from './write.js';

/**
 * Makes all renditions of a task and writes them, synced. Those that use the same pages share one
 * decode. Each is written while the next is made; never more than one waits in memory.
 *
 * @returns the files in the order of the task
 * @throws Problem for what is the image's or the request's fault; nothing is being written any more then
 */
export async function renderAll(task: RenderTask): Promise<RenderedFile[]> {
  const deadline = new Deadline(task.timeoutSeconds, task.signal);
  deadline.secondsLeft();
  const readable = await toReadable(task);
  try {
    return await renderReadable(readable, deadline);
  } finally {
    await readable.close();
  }
}

async function renderReadable({ task, metadata }: Readable, deadline: Deadline): Promise<RenderedFile[]> {
  const { maxInputPixels, maxInputFrames, maxOutputPixels, renditions } = task;
  const limits: Limits = { maxInputPixels, maxInputFrames, maxOutputPixels, deadline };
  const files = new Map<RenditionTask, RenderedFile>();
  let writing: Promise<void> = Promise.resolve();
  try {
    for (const group of bySelection(renditions)) {
      const original = await open(task, group, limits, metadata);
      for (const rendition of group) {
        const { file, data } = await render(original, rendition, limits);
        await writing;
        writing = writeSynced(rendition.output, data);
        // It is awaited with the next one or at the end; until then nobody listens.
        writing.catch(() => undefined);
        files.set(rendition, file);
        task.progress?.postMessage({ done: files.size, total: renditions.length });
      }
    }
    await writing;
  } catch (error) {
    await writing.catch(() => undefined);
    throw error;
  }
  return renditions.map((rendition) => files.get(rendition)).filter((file) => file !== undefined);
}

function bySelection(renditions: readonly RenditionTask[]): RenditionTask[][] {
  const groups = new Map<string, RenditionTask[]>();
  for (const rendition of renditions) {
    const { animated, page } = rendition.options;
    const key = animated ? 'all' : String(page);
    groups.set(key, [...(groups.get(key) ?? []), rendition]);
  }
  return [...groups.values()];
}

/** A lone rendition is made straight from the file, several from pixels that were decoded once. */
async function open(
  task: RenderTask,
  group: readonly RenditionTask[],
  limits: Limits,
  metadata: KeptSource | undefined,
): Promise<Original> {
  const [first] = group;
  if (!first) throw new Error('a group has at least one rendition');
  // Metadata is written to fresh pixels: a pipeline from the file would carry over what we never read.
  const straight = group.length === 1 && !first.options.keepMetadata;
  const trustFacts = straight && task.source.contentType === 'image/jpeg';
  const keepsMetadata = group.some(({ options }) => options.keepMetadata);
  const original = await openOriginal(task, first.options, limits, {
    trustFacts,
    keepsMetadata,
    metadata,
  });
  return straight ? original : { ...original, stage: await decode(original.stage, group, limits) };
}

/** Decodes the image once, no larger than the largest of the group needs it. */
async function decode(stage: Stage, group: readonly RenditionTask[], limits: Limits): Promise<Stage> {
  const upright = uprightSize(stage.facts);
  const needed = neededSize(stage, group, limits);
  const smaller = needed.width < upright.width || needed.height < upright.height;
  const pixels = await toPixels(stage, (image) =>
    smaller ? image.resize({ width: needed.width, height: needed.height, fit: 'fill' }) : image,
  );
  return pixelStage(pixels, stage, limits, upright);
}

function neededSize(stage: Stage, group: readonly RenditionTask[], limits: Limits): Size {
  const upright = uprightSize(stage.facts);
  const scaled = group.map(({ options }) => {
    const { scaled } = outputSize(stage.facts, options, limits.maxOutputPixels);
    return scalesFirst(options) ? scaled : upright;
  });
  return {
    width: Math.min(upright.width, Math.max(...scaled.map(({ width }) => width))),
    height: Math.min(upright.height, Math.max(...scaled.map(({ height }) => height))),
  };
}

async function render(
  { stage, metadata }: Original,
  { id, options }: RenditionTask,
  limits: Limits,
): Promise<{ file: RenderedFile; data: Buffer }> {
  const image = encode(await shape(stage, options, limits), options, stage.animation);
  if (options.keepMetadata) withMetadata(image, metadata);
  // One pass over the bytes: encoded in memory, hashed there, and written once.
  const { data, info } = await stage.run(() => image.toBuffer({ resolveWithObject: true }));
  const file = {
    id,
    contentType: contentTypeOf(options.format),
    width: info.width,
    height: info.pageHeight ?? info.height,
    bytes: data.length,
    sha256: createHash('sha256').update(data).digest('hex'),
  };
  return { file, data };
}
