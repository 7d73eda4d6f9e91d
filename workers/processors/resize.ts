import { rm } from 'node:fs/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { findWanted } from '../../lib/batches/repository.js';
import { Problem } from '../../lib/errors.js';
import type { ImageRow } from '../../lib/images/image.js';
import { findImage, holdImage } from '../../lib/images/repository.js';
import type { JobRowOf, RenditionRequest } from '../../lib/jobs/job.js';
import type { JobRecorder } from '../../lib/jobs/recorder.js';
import { completeJob } from '../../lib/jobs/repository.js';
import { optionsHash } from '../../lib/renditions/canonical.js';
import { contentTypeOf, extensionOf } from '../../lib/renditions/formats.js';
import { planRenditions, type WantedRendition } from '../../lib/renditions/plan.js';
import { type RenderedFile, TaskSignal } from '../../lib/renditions/render-task.js';
import { summariseRendition } from '../../lib/renditions/rendition.js';
import { findRenditions, insertRenditions, type NewRendition } from '../../lib/renditions/repository.js';
import type { SourceFacts } from '../../lib/renditions/source-facts.js';
import { originalKey, renditionKey } from '../../lib/storage/keys.js';
import { newTaskSignal, watchForHang } from '../hang-watch.js';
import type { ResizePool } from '../pool.js';
import type { JobContext, Processor } from './processor.js';
import { plannedOfSource, receiveSource, type SourceDeps } from './source.js';

/** What the resize processor works with. */
export interface ResizeDeps extends SourceDeps {
  readonly recorder: JobRecorder;
  readonly pool: ResizePool;
  /** Called when a thread does not come back long after its time-out: only a new process helps. */
  readonly onHang: (jobId: string) => void;
}

type ResizeJob = JobRowOf<'resize'>;

/** What a job works on. */
interface Subject {
  readonly image: ImageRow;
  /** Renditions of the image that are there already. */
  readonly standing: readonly NewRendition[];
  /** Those that the job wants, there or not. */
  readonly wanted: readonly RenditionRequest[];
}

/** A rendition to make, and the temporary file that it is made in. */
interface Making {
  readonly request: RenditionRequest;
  readonly output: string;
}

/** Makes the renditions of a resize job that do not stand yet, and ends the job. */
export function resizeProcessor(deps: ResizeDeps): Processor<'resize'> {
  return {
    type: 'resize',
    run: async (job, context) => {
      const subject = await subjectOf(deps, job, context);
      if (!subject) return context.waits();
      const { image, standing, wanted } = subject;
      const ids = new Set(standing.map(({ id }) => id));
      const making = wanted
        .filter(({ id }) => !ids.has(id))
        .map((request) => ({ request, output: deps.store.temporaryPath() }));
      let rendering: Promise<readonly RenderedFile[]> | undefined;
      try {
        if (making.length > 0) rendering = render(deps, job, image, making, context);
        const files = rendering ? await unlessCancelled(rendering, context.signal) : [];
        const made = making.map((each, index) => newRendition(image, each, files[index]));
        await finish(deps, job, subject, making, made);
      } finally {
        // A thread that is cancelled may write for a moment more: nobody waits, but nothing is left.
        const removed = Promise.allSettled([rendering]).then(() =>
          Promise.all(making.map(({ output }) => rm(output, { force: true }))),
        );
        if (!context.signal.aborted) await removed;
      }
    },
  };
}

/** The image of a job, which it may have to get first, and its renditions. Undefined: the job was put off. */
async function subjectOf(
  deps: ResizeDeps,
  job: ResizeJob,
  { signal }: JobContext,
): Promise<Subject | undefined> {
  const { database } = deps;
  const { source } = job.request;
  const isToGet = source !== undefined && job.imageId === null;
  const fetched = isToGet ? await receiveSource(deps, job, source, signal) : undefined;
  if (isToGet && !fetched) return undefined;
  const imageId = fetched?.id ?? job.imageId ?? '';
  const [image, standing, ofBatch] = await database.query('images.findForResize', (sql) =>
    Promise.all([
      fetched ?? findImage(sql, job.tenantId, imageId),
      findRenditions(sql, [imageId]),
      saysItself(job) ? undefined : findWanted(sql, job.parentId ?? ''),
    ]),
  );
  if (!image) throw imageGone();
  return { image, standing, wanted: await wantedOf(deps, job, image, ofBatch) };
}

function saysItself({ request }: ResizeJob): boolean {
  return request.source !== undefined || request.renditions !== undefined;
}

/** The renditions that a job wants of its image. */
async function wantedOf(
  deps: ResizeDeps,
  { tenantId, request: { source, renditions } }: ResizeJob,
  image: ImageRow,
  ofBatch: readonly WantedRendition[] | undefined,
): Promise<readonly RenditionRequest[]> {
  if (source) return plannedOfSource(deps, tenantId, source, image);
  if (renditions) return renditions;
  if (!ofBatch) throw new Problem('JOB_NOT_FOUND', 'The batch that says what is wanted is gone.');
  return planRenditions(ofBatch, image, deps.config.maxOutputPixels);
}

/** What came of the work, or the signal's reason as soon as it aborts. */
function unlessCancelled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

/** Has a thread write the missing renditions to their temporary files. */
async function render(
  { pool, store, config, onHang }: ResizeDeps,
  job: ResizeJob,
  image: ImageRow,
  making: readonly Making[],
  context: JobContext,
): Promise<readonly RenderedFile[]> {
  const input = await store.localPath(originalKey(image.sha256)).catch((error: unknown) => {
    // Deleted since its row was read.
    throw error instanceof Problem && error.code === 'NOT_FOUND' ? imageGone() : error;
  });
  const signal = newTaskSignal();
  const cancel = (): void => void Atomics.store(signal, TaskSignal.cancelled, 1);
  context.signal.addEventListener('abort', cancel, { once: true });
  const steps = making.length > 1 ? followSteps(context) : undefined;
  // Those before it have their time first: the two that a thread has, and those that wait.
  const limits = { timeoutSeconds: config.jobTimeoutSeconds, turns: pool.waiting + 3 };
  const watch = watchForHang(signal, limits, () => onHang(job.id));
  try {
    const outcome = await pool.run({
      input,
      source: factsOf(image),
      renditions: making.map(({ request, output }) => ({ id: request.id, options: request.options, output })),
      maxInputPixels: config.maxInputPixels,
      maxInputFrames: config.maxInputFrames,
      maxOutputPixels: config.maxOutputPixels,
      timeoutSeconds: config.jobTimeoutSeconds,
      signal,
      ...(steps && { progress: steps.port }),
    });
    if (!outcome.ok) throw new Problem(outcome.problem.code, outcome.problem.detail);
    return outcome.files;
  } finally {
    watch.stop();
    context.signal.removeEventListener('abort', cancel);
    await steps?.close();
  }
}

/** Puts what was made into the store and ends the job, all or nothing. */
async function finish(
  { database, recorder, store }: ResizeDeps,
  job: ResizeJob,
  { image, standing, wanted }: Subject,
  making: readonly Making[],
  made: readonly NewRendition[],
): Promise<void> {
  const byId = new Map([...standing, ...made].map((rendition) => [rendition.id, rendition]));
  const renditions = wanted.flatMap(({ id }) => byId.get(id) ?? []).map(summariseRendition);
  const result = { imageId: image.id, renditions };
  // Nothing comes into the store: there is no image to hold meanwhile.
  if (made.length === 0) return recorder.complete({ id: job.id, result });
  await database.transaction('jobs.complete', async (sql) => {
    // Sent together: each answer that is waited for on its own costs both sides a wake-up. Where another
    // delivery ended the job first, the renditions that it did not make stand all the same.
    const holding = holdImage(sql, job.tenantId, image.id);
    const recording = Promise.all([insertRenditions(sql, made), completeJob(sql, job.id, result)]);
    // Without the image its renditions fail too; that it is gone says more.
    recording.catch(() => undefined);
    if (!(await holding)) throw imageGone();
    const [inserted] = await recording;
    await Promise.all(
      made.map((rendition, index) => {
        const output = making[index]?.output;
        const key = renditionKey(image.sha256, rendition.optionsHash, rendition.extension);
        return output !== undefined && inserted.has(rendition.id)
          ? store.put(key, output, { synced: true })
          : undefined;
      }),
    );
  });
}

function newRendition(image: ImageRow, { request }: Making, file: RenderedFile | undefined): NewRendition {
  if (file === undefined) throw new Error('a thread returned fewer files than it was asked for');
  const { options } = request;
  return {
    id: request.id,
    tenantId: image.tenantId,
    imageId: image.id,
    name: request.name,
    options,
    optionsHash: optionsHash(options),
    contentType: contentTypeOf(options.format),
    extension: extensionOf(options.format),
    width: file.width,
    height: file.height,
    bytes: file.bytes,
    sha256: file.sha256,
  };
}

/** Turns a thread's messages into the job's progress; the last step is the job's own end. */
function followSteps(context: JobContext): { port: MessagePort; close: () => Promise<void> } {
  const { port1, port2 } = new MessageChannel();
  let recorded: Promise<void> = Promise.resolve();
  port1.on('message', ({ done, total }: { done: number; total: number }) => {
    if (done < total) recorded = recorded.then(() => context.progress(Math.floor((100 * done) / total)));
  });
  return {
    port: port2,
    close: async () => {
      port1.close();
      // Progress is for the eye: a step that could not be recorded does not fail the work.
      await recorded.catch(() => undefined);
    },
  };
}

/** What the thread needs to know; a row is more than a thread should be sent. */
function factsOf({ contentType, width, height, orientation, hasAlpha, pages }: ImageRow): SourceFacts {
  return { contentType, width, height, orientation, hasAlpha, pages };
}

function imageGone(): Problem {
  return new Problem('IMAGE_NOT_FOUND', 'The image was deleted before its renditions were made.');
}
