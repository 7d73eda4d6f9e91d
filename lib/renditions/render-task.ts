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

/** What a thread is given: paths, never bytes. */
export interface RenderTask {
  /** Path of the original. */
  readonly input: string;
  readonly source: SourceFacts;
  readonly renditions: readonly RenditionTask[];
  /** The most pixels to decode, over all frames. */
  readonly maxInputPixels: number;
  /** The most pixels of one rendition, over all frames. */
  readonly maxOutputPixels: number;
  /** Time for the whole task, in seconds. */
  readonly timeoutSeconds: number;
  /** Shared memory, not 0 when the task is cancelled: no further pipeline is started then. */
  readonly cancelled?: Int32Array;
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
  /** How long it had the thread's turn, in ms. */
  readonly busyMs: number;
  /** Which thread it was, and since when it had its turn, in ms since the epoch. */
  readonly thread: { readonly id: number; readonly startedAt: number };
} & (
  | { readonly ok: true; readonly files: readonly RenderedFile[] }
  | { readonly ok: false; readonly problem: ProblemJson }
);
