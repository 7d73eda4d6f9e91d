import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { Problem } from '../../errors.js';
import type { BlobHandle, BlobStore } from '../../storage/blob-store.js';
import { EntryNames } from './entry-names.js';
import { wholeOrNothing } from './file-task.js';
import { WriteBuffer } from './write-buffer.js';
import { ZipWriter } from './zip-writer.js';

/** A file of the store that belongs into an archive, as its row knows it. */
export interface PackedFile {
  readonly id: string;
  /** The name that people know it by; it is made safe and unique. */
  readonly name: string;
  /** In the store. */
  readonly key: string;
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly modifiedAt: Date;
}

/** What {@link writeZip} works on. */
export interface ZipTask {
  readonly store: BlobStore;
  readonly files: AsyncIterable<PackedFile>;
  /** The folder inside the archive. */
  readonly folder: 'images' | 'renditions';
  /** Where the archive is to be; on any failure nothing is left there. */
  readonly outputPath: string;
  readonly signal: AbortSignal;
  /** Called after each file with the number of files done so far, missing ones too. */
  readonly onProgress: (files: number) => void;
}

/**
 * How a file came into the archive: `packed` and its SHA-256 is that of its row; `missing` from the
 * store by now, so it is not in the archive; `damaged`: packed as the store has it, with other bytes.
 */
export type PackedState = 'packed' | 'missing' | 'damaged';

/** How many files came into the archive how. */
export type ZipOutcome = Readonly<Record<PackedState, number>>;

/**
 * Packs files of the store, one after the other, without compressing them again, and a `manifest.csv`
 * as the last entry, as only then is known what was found: `path,state,bytes,sha256,id,modifiedAt`,
 * with bytes and SHA-256 as the rows say. Memory depends on the names alone: see {@link EntryNames}.
 *
 * @throws the signal's reason when aborted, Problem STORAGE_FULL, what reading a file or `files` throws
 */
export async function writeZip(task: ZipTask): Promise<ZipOutcome> {
  const manifestPath = `${task.outputPath}.manifest`;
  return wholeOrNothing(task.outputPath, task.signal, async () => {
    const zip = await ZipWriter.open(task.outputPath);
    try {
      const file = await open(manifestPath, 'w+');
      try {
        const manifest = new WriteBuffer(file);
        const outcome = await packAll(task, zip, manifest);
        await zip.add({
          name: 'manifest.csv',
          modifiedAt: new Date(),
          bytes: manifest.position,
          content: manifest.content(),
        });
        await zip.finish();
        return outcome;
      } finally {
        await file.close();
      }
    } finally {
      await zip.close();
      await rm(manifestPath, { force: true });
    }
  });
}

async function packAll(task: ZipTask, zip: ZipWriter, manifest: WriteBuffer): Promise<ZipOutcome> {
  const outcome = { packed: 0, missing: 0, damaged: 0 };
  const names = new EntryNames();
  let done = 0;
  await manifest.write(csvLine(['path', 'state', 'bytes', 'sha256', 'id', 'modifiedAt']));
  for await (const file of task.files) {
    task.signal.throwIfAborted();
    const path = names.take(task.folder, file.name);
    const state = await pack(task, zip, path, file);
    outcome[state] += 1;
    const { bytes, sha256, id, modifiedAt } = file;
    await manifest.write(csvLine([path, state, String(bytes), sha256, id, modifiedAt.toISOString()]));
    done += 1;
    task.onProgress(done);
  }
  return outcome;
}

async function pack(
  { store, signal }: ZipTask,
  zip: ZipWriter,
  name: string,
  { key, sha256, modifiedAt }: PackedFile,
): Promise<PackedState> {
  const blob = await openIfAny(store, key);
  if (!blob) return 'missing';
  try {
    addAbortSignal(signal, blob.stream);
    const hash = createHash('sha256');
    const content = hashing(blob.stream, hash);
    await zip.add({ name, modifiedAt, bytes: blob.bytes, content });
    return hash.digest('hex') === sha256 ? 'packed' : 'damaged';
  } finally {
    await blob.close();
  }
}

/** Deleted while the export ran: the manifest says so. */
async function openIfAny(store: BlobStore, key: string): Promise<BlobHandle | undefined> {
  try {
    return await store.open(key);
  } catch (error) {
    if (error instanceof Problem && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

async function* hashing(
  content: AsyncIterable<Buffer>,
  hash: { update(chunk: Buffer): unknown },
): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    hash.update(chunk);
    yield chunk;
  }
}

function csvLine(cells: readonly string[]): Buffer {
  return Buffer.from(`${cells.map(csvCell).join(',')}\r\n`);
}

/** RFC 4180, sections 2.6 and 2.7. No cell begins with what a spreadsheet takes for a formula. */
function csvCell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
