import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem } from '../../lib/errors.js';
import { sniffContentType } from '../../lib/images/media-types.js';
import { type ImageFacts, probeImage } from '../../lib/images/probe.js';
import { canonicalOptions } from '../../lib/renditions/canonical.js';
import { outputSize } from '../../lib/renditions/geometry.js';
import type { RenditionOptions } from '../../lib/renditions/options-schema.js';
import type { RenditionTask } from '../../lib/renditions/render-task.js';
import resize from '../../workers/resize.js';
import type { Verdict } from './judge.js';

// What becomes of a file: the API's look at it, then the resize thread's work, as the service does them,
// in a process that may die of it.
const limits = { maxPixels: 4_000_000, maxFrames: 512 };
const maxOutputPixels = 4_000_000;
const wanted: readonly (readonly RenditionOptions[])[] = [
  [{ width: 8, format: 'webp' }],
  [
    { width: 16, format: 'png', keepMetadata: true },
    { height: 5, trim: true, format: 'jpeg' },
  ],
  [{ width: 8, format: 'gif', animated: true }],
];
const folder = await mkdtemp(join(tmpdir(), 'halftone-judge-'));
let judged = 0;

process.on('message', async (path: string) => process.send?.(await judge(path)));
process.on('disconnect', async () => {
  await rm(folder, { recursive: true, force: true });
  process.exit();
});

async function judge(path: string): Promise<Verdict> {
  try {
    const contentType = await sniffContentType(await headOf(path));
    const facts = await probeImage(path, contentType, limits);
    // Not every file is rendered in every way, but every kind of file is.
    const verdict = await renditions(path, facts, wanted[judged++ % wanted.length] ?? []);
    const left = await readdir(folder);
    return left.length === 0 ? verdict : { kind: 'thrown', message: `it left ${left.join()}` };
  } catch (error) {
    return verdictOn(error);
  }
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4100), 0, 4100, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function renditions(
  input: string,
  source: ImageFacts,
  options: readonly RenditionOptions[],
): Promise<Verdict> {
  const renditions = options.map((each, index): RenditionTask => {
    const canonical = canonicalOptions(each, source);
    outputSize(source, canonical, maxOutputPixels);
    return { id: `rendition-${index}`, options: canonical, output: join(folder, `output-${index}`) };
  });
  const task = { input, source, renditions, maxInputPixels: limits.maxPixels, maxOutputPixels };
  const outcome = await resize({ ...task, maxInputFrames: limits.maxFrames, timeoutSeconds: 20 });
  await Promise.all(renditions.map(({ output }) => rm(output, { force: true })));
  return outcome.ok ? { kind: 'image' } : { kind: 'problem', code: outcome.problem.code };
}

function verdictOn(error: unknown): Verdict {
  if (error instanceof Problem) return { kind: 'problem', code: error.code };
  return { kind: 'thrown', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
