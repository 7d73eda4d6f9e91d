import { rm } from 'node:fs/promises';
import { threadId } from 'node:worker_threads';
import sharp from 'sharp';
import {
  monotonicMs,
  type RenderOutcome,
  type RenderTask,
  TaskSignal,
} from '../lib/renditions/render-task.js';
import { problemOf } from './render/failures.js';
import { renderAll } from './render/render.js';

// The pool has a thread for each core, and every task is new: neither threads nor a cache would help.
sharp.concurrency(1);
sharp.cache(false);

// libvips can read dozens of formats, some by libraries nobody fuzzes. An upload is one of six, or a HEIC,
// which never gets to libvips. Files only: no loader of bytes in memory, of which nothing here has any.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpegFile',
    'VipsForeignLoadPngFile',
    'VipsForeignLoadWebpFile',
    'VipsForeignLoadNsgifFile',
    'VipsForeignLoadHeifFile',
    'VipsForeignLoadTiffFile',
  ],
});

/**
 * The entry of a resize thread: makes a task's renditions and writes them to their temporary files.
 * On any failure none of the files is left.
 *
 * @returns the files' facts, or the problem when the image or the request is at fault
 * @throws what another attempt may get over, such as a read error
 */
export default async function resize(task: RenderTask): Promise<RenderOutcome> {
  const started = { at: Date.now(), on: performance.now() };
  const thread = () => ({ id: threadId, startedAt: started.at, ms: performance.now() - started.on });
  if (task.signal) Atomics.store(task.signal, TaskSignal.startedAt, monotonicMs());
  try {
    return { ok: true, files: await renderAll(task), thread: thread() };
  } catch (error) {
    // Settled, so that a file that resists does not hide the failure itself.
    await Promise.allSettled(task.renditions.map(({ output }) => rm(output, { force: true })));
    const problem = problemOf(error);
    if (!problem) throw error;
    return { ok: false, problem: problem.toJSON(), thread: thread() };
  }
}
