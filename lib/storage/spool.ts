import { createHash } from 'node:crypto';
import { addAbortSignal, Readable } from 'node:stream';
import { Problem, storageProblem } from '../errors.js';
import { BatchWriter } from './batch-writer.js';

/** What {@link spool} needs to know. */
export interface SpoolOptions {
  /** The most bytes it takes. */
  readonly maxBytes: number;
  /** How many first bytes `onHead` wants to see. */
  readonly headBytes: number;
  /**
   * Called once with at least the first `headBytes` bytes, or all where there are fewer, before
   * anything more is read; what it throws ends the spool. Not called when the source is empty.
   */
  readonly onHead: (head: Buffer) => Promise<void> | void;
  /** Called with each chunk once the file has it: its memory may be used again. */
  readonly onWritten?: (chunk: Buffer) => void;
  /** Ends the spool, and destroys a source that is a Readable, as a source that stalls cannot be left otherwise. */
  readonly signal?: AbortSignal | undefined;
}

/** A file as it was spooled. */
export interface Spooled {
  /** 0 when the source was empty; the file is there all the same. */
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/**
 * Writes a stream to a temporary file while it hashes it. On any failure the file is removed.
 *
 * A source that is refused (too large, or by `onHead`) is left paused and alive, so that an HTTP
 * request can still be answered; the caller resumes or destroys it.
 *
 * @throws Problem UPLOAD_TOO_LARGE as soon as one byte too many arrives; STORAGE_FULL
 * @throws the signal's reason when aborted, the source's error, and what `onHead` throws
 */
export async function spool(
  source: AsyncIterable<Buffer> | Readable,
  path: string,
  options: SpoolOptions,
): Promise<Spooled> {
  const { signal, onWritten } = options;
  const file = new BatchWriter(path, { onWritten });
  try {
    signal?.throwIfAborted();
    if (signal && source instanceof Readable) addAbortSignal(signal, source);
    const spooled = await copy(source, file, options);
    await file.end();
    return spooled;
  } catch (error) {
    await file.discard();
    throw signal?.aborted ? signal.reason : storageProblem(error);
  }
}

async function copy(
  source: AsyncIterable<Buffer> | Readable,
  file: BatchWriter,
  { maxBytes, headBytes, onHead, signal }: SpoolOptions,
): Promise<Spooled> {
  const hash = createHash('sha256');
  let bytes = 0;
  let head: Buffer[] | undefined = [];
  for await (const chunk of chunksOf(source)) {
    signal?.throwIfAborted();
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    head?.push(chunk);
    if (head && bytes >= headBytes) {
      await onHead(Buffer.concat(head));
      head = undefined;
    }
    hash.update(chunk);
    await file.add(chunk);
  }
  if (head && bytes > 0) await onHead(Buffer.concat(head));
  return { bytes, sha256: hash.digest('hex') };
}

/** Leaving a loop over a Readable destroys it, and with a request its socket, before the answer is sent. */
function chunksOf(source: AsyncIterable<Buffer> | Readable): AsyncIterable<Buffer> {
  return source instanceof Readable ? source.iterator({ destroyOnReturn: false }) : source;
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('UPLOAD_TOO_LARGE', `The file is larger than ${maxBytes} bytes, the most taken here.`);
}
