import { existsSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  monotonicMs,
  type RenderOutcome,
  type RenderTask,
  TaskSignal,
} from '../../lib/renditions/render-task.js';
import resize from '../../workers/resize.js';
import { HANGS_ONCE_WIDTH, KILLS_WIDTH } from './poison-widths.js';

/** A resize thread like any other, but for two widths. */
export default async function poisoned(task: RenderTask): Promise<RenderOutcome> {
  if (task.source.width === KILLS_WIDTH) process.kill(process.pid, 'SIGSEGV');
  if (task.source.width === HANGS_ONCE_WIDTH) {
    const [output] = task.renditions.map((each) => dirname(each.output));
    const mark = join(output ?? '', `hung-${basename(task.input)}`);
    if (!existsSync(mark)) {
      writeFileSync(mark, '');
      if (task.signal) Atomics.store(task.signal, TaskSignal.startedAt, monotonicMs());
      // As in native code that never returns: no event, no signal and no timer gets through.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }
  }
  return resize(task);
}
