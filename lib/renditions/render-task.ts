import type { MessagePort } from 'node:worker_threads';
import type { ProblemJson } from '../errors.js';
import type { CanonicalOptions } from './canonical.js';
import type { SourceFacts } from './source-facts.js';

/** One rendition to make. */
export interface RenditionTask {
  readonly id: string;
  readonly options: CanonicalOptions;
  /** Path of the temporary file to create. */
  readonly output: string;
}

/**
 * Places in a task's shared memory. `cancelled` is not 0 when the task is: no further pipeline is started
 * then. `startedAt` is when it began, on the clock of {@link monotonicMs}; 0 before.
 */
export const TaskSignal = { cancelled: 0, startedAt: 1 } as const;

/**
 * Milliseconds on a clock that all threads share and nobody sets: 32 bits, never 0. They go round in seven
 * weeks, so that two are compared by `(later - earlier) | 0`.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n) | 0 || 1;
}

/** What a thread is given: paths, never bytes. */
export interface RenderTask {
  /** Path of the original. */
  readonly input: string;
  readonly source: SourceFacts;
  readonly renditions: readonly RenditionTask[];
  /** The most pixels to decode, over all frames. */
  readonly maxInputPixels: number;
  /** The most frames or pages of the original, whether they are decoded or not. */
  readonly maxInputFrames: number;
  /** The most pixels of one rendition, over all frames. */
  readonly maxOutputPixels: number;
  /** Time for the whole task, in seconds. */
  readonly timeoutSeconds: number;
  /** What the thread and the one who waits tell each other; see {@link TaskSignal}. */
  readonly signal?: Int32Array;
  /** Where to post a {@link RenderProgress} after each rendition. */
  readonly progress?: MessagePort;
}

/** How many of a task's renditions are written. */
export interface RenderProgress {
  readonly done: number;
  readonly total: number;
}

/** A rendition as written: sizes in pixels (of one page) and bytes, the digest in hexadecimal. */
export interface RenderedFile {
  readonly id: string;
  readonly contentType: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** A whole task's end. What is the image's or the request's fault is a problem; anything else is thrown. */
export type RenderOutcome = {
  /** Which thread it was, when it began, in ms since the epoch, and how long it took. */
  readonly thread: { readonly id: number; readonly startedAt: number; readonly ms: number };
} & (
  | { readonly ok: true; readonly files: readonly RenderedFile[] }
  | { readonly ok: false; readonly problem: ProblemJson }
);
