import type { Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Problem, storageProblem } from '../errors.js';
import { HEAD_BYTES } from '../images/receive.js';
import { BatchWriter } from '../storage/batch-writer.js';
import type { Checksum } from './checksum.js';
import type { UploadLock } from './locks.js';
import { type BodyEnd, stoppable } from './stoppable.js';

/** A part of an upload, and where it goes. */
export interface Part {
  readonly path: string;
  /** Where it begins. */
  readonly offset: number;
  /** Bytes of the whole upload. */
  readonly size: number;
  readonly checksum: Checksum | undefined;
  /** SHA-256 of all before it, where it is known; takes this part too. */
  readonly hash: Hash | undefined;
  readonly lock: UploadLock;
  /** Is told how far the bytes are on the disk: now and then, and, as the last thing, at the end. */
  readonly record: (offset: number, isLast: boolean) => Promise<void>;
  /** Sees the first bytes of an upload; what it throws ends the part. */
  readonly onHead: (head: Buffer) => Promise<unknown>;
}

/** How far an upload has come with a part. */
export interface ReceivedPart {
  readonly offset: number;
  readonly end: BodyEnd;
}

/** What a crash may cost of a long part: it has to be sent again. */
const RECORD_EVERY_BYTES = 16 * 1024 * 1024;
const RECORD_EVERY_MS = 5_000;

/**
 * Writes a part of an upload where it belongs. What arrives counts, even if the client is cut off or the lock
 * is wanted elsewhere, and is on the disk before it is recorded. A part with a checksum counts as a whole or
 * not at all.
 *
 * @throws Problem UPLOAD_TOO_LARGE (413), CHECKSUM_MISMATCH (460), UPLOAD_LOCKED (423), STORAGE_FULL (507), and
 *   what `onHead` and `record` throw
 */
export async function receivePart(source: Readable, part: Part): Promise<ReceivedPart> {
  const file = new BatchWriter(part.path, { position: part.offset });
  const body = stoppable(source, part.lock.stop);
  try {
    const offset = await writeAll(body.chunks, file, part);
    await file.end();
    if (part.checksum) assertChecksum(part.checksum, body.end());
    await part.record(offset, true);
    return { offset, end: body.end() };
  } catch (error) {
    await file.abandon();
    throw storageProblem(error);
  }
}

async function writeAll(chunks: AsyncIterable<Buffer>, file: BatchWriter, part: Part): Promise<number> {
  const { size, checksum, hash, lock } = part;
  const head = new Head(part);
  let offset = part.offset;
  let recorded = { offset, at: performance.now() };
  for await (const chunk of chunks) {
    if (offset + chunk.length > size) throw tooLong(size);
    lock.assertHeld();
    await head.add(chunk);
    hash?.update(chunk);
    checksum?.hash.update(chunk);
    offset += chunk.length;
    await file.add(chunk);
    const isDue =
      offset - recorded.offset >= RECORD_EVERY_BYTES || performance.now() - recorded.at >= RECORD_EVERY_MS;
    if (isDue && !checksum && offset < size) {
      await file.sync();
      await part.record(offset, false);
      recorded = { offset, at: performance.now() };
    }
  }
  return offset;
}

/** Shows the first bytes as soon as there are enough; where a first part has fewer, nobody sees them here. */
class Head {
  #bytes: Buffer[] | undefined;
  readonly #onHead: Part['onHead'];

  constructor({ offset, onHead }: Part) {
    this.#bytes = offset === 0 ? [] : undefined;
    this.#onHead = onHead;
  }

  async add(chunk: Buffer): Promise<void> {
    if (this.#bytes === undefined) return;
    this.#bytes.push(chunk);
    const head = Buffer.concat(this.#bytes);
    if (head.length < HEAD_BYTES) return;
    this.#bytes = undefined;
    await this.#onHead(head);
  }
}

function assertChecksum({ hash, expected }: Checksum, end: BodyEnd): void {
  if (end === 'whole' && hash.digest().equals(expected)) return;
  throw new Problem(
    'CHECKSUM_MISMATCH',
    end === 'whole'
      ? 'The part is not what its Upload-Checksum says; none of it was kept.'
      : 'The part broke off, and its Upload-Checksum is of all of it; none of it was kept.',
  );
}

function tooLong(size: number): Problem {
  return new Problem('UPLOAD_TOO_LARGE', `The part goes beyond the ${size} bytes of Upload-Length.`);
}
