import { type FileHandle, open, rm } from 'node:fs/promises';
import { createDeflateRaw, type DeflateRaw } from 'node:zlib';
import { crc32 } from './crc32.js';
import { WriteBuffer } from './write-buffer.js';
import { centralRecord, endRecords, localHeader, MAX_32, type ZipEntry } from './zip-records.js';

const DEFLATE_CHUNK_BYTES = 64 * 1024;

/** A file to be packed. */
export interface ZipSource {
  /** Its path inside; safe and unique, which is the caller's affair. */
  readonly name: string;
  readonly modifiedAt: Date;
  /** How many bytes it has, as far as known: one of 4 GiB or more needs another kind of header. */
  readonly bytes: number;
  /** Each chunk may be used again for the next one: whoever reads it is done with it by then. */
  readonly content: Iterable<Buffer> | AsyncIterable<Buffer>;
  /** From 1 (fast) to 9 (small); without it the bytes are stored as they are. */
  readonly level?: number;
}

/** A file turned out to have 4 GiB or more, and its header is made for less. */
export class ZipEntryTooLarge extends Error {
  override readonly name = 'ZipEntryTooLarge';
}

/**
 * Writes a ZIP file, entry by entry, in memory that depends neither on the number of entries nor on
 * their sizes: the central directory, which a ZIP has at its end, waits in a file beside it.
 *
 * The ZIP packages of npm keep every entry as objects until the end (0.3 GB for 70,000 of them with
 * yazl, 0.7 GB with zip-stream), and some look through all of them for each new one. As the output is
 * a file, sizes and checksums are written into the headers afterwards, so that readers of every age
 * can take it, also those that do not know data descriptors.
 */
export class ZipWriter {
  readonly #output: WriteBuffer;
  readonly #directory: WriteBuffer;
  readonly #directoryPath: string;
  readonly #handles: readonly FileHandle[];
  #entries = 0;

  private constructor(handles: readonly [FileHandle, FileHandle], directoryPath: string) {
    this.#handles = handles;
    this.#output = new WriteBuffer(handles[0]);
    this.#directory = new WriteBuffer(handles[1]);
    this.#directoryPath = directoryPath;
  }

  /** Makes the file. Whoever opens a writer closes it, finished or not. */
  static async open(path: string): Promise<ZipWriter> {
    const directoryPath = `${path}.directory`;
    const output = await open(path, 'w');
    try {
      return new ZipWriter([output, await open(directoryPath, 'w+')], directoryPath);
    } catch (error) {
      await output.close();
      throw error;
    }
  }

  /**
   * Packs one file.
   *
   * @throws ZipEntryTooLarge when it has 4 GiB or more and `bytes` did not say so; what `content` throws
   */
  async add({ name, modifiedAt, bytes, content, level }: ZipSource): Promise<void> {
    const large = bytes >= MAX_32;
    const blank: ZipEntry = {
      name,
      modifiedAt,
      deflated: level !== undefined,
      crc32: 0,
      bytes: 0,
      packedBytes: 0,
    };
    const offset = this.#output.position;
    await this.#output.write(localHeader(blank, large));
    const start = this.#output.position;
    const counted = { crc32: 0, bytes: 0 };
    const source = counting(content, counted);
    const sink = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
      for await (const chunk of chunks) await this.#output.write(chunk);
    };
    await sink(level === undefined ? source : deflated(source, level));
    const entry = { ...blank, ...counted, packedBytes: this.#output.position - start };
    if (!large && (entry.bytes >= MAX_32 || entry.packedBytes >= MAX_32)) {
      throw new ZipEntryTooLarge(`${name} has 4 GiB or more`);
    }
    await this.#output.rewrite(localHeader(entry, large), offset);
    await this.#directory.write(centralRecord(entry, offset));
    this.#entries += 1;
  }

  /** Writes the central directory: now the archive is whole. */
  async finish(): Promise<void> {
    const offset = this.#output.position;
    for await (const chunk of this.#directory.content()) await this.#output.write(chunk);
    await this.#output.write(endRecords(this.#entries, offset, this.#output.position - offset));
    await this.#output.flush();
  }

  /** Lets the files go, and removes the one of the central directory. */
  async close(): Promise<void> {
    for (const handle of this.#handles) await handle.close();
    await rm(this.#directoryPath, { force: true });
  }
}

/** Packs on libuv's threads. It takes a chunk when it is done with the one before. */
async function* deflated(source: AsyncIterable<Buffer>, level: number): AsyncGenerator<Buffer> {
  const deflate = createDeflateRaw({ level, chunkSize: DEFLATE_CHUNK_BYTES });
  const fed = feed(source, deflate).catch((error: unknown) => {
    deflate.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  try {
    yield* deflate;
  } finally {
    deflate.destroy();
    await fed;
  }
}

async function feed(source: AsyncIterable<Buffer>, deflate: DeflateRaw): Promise<void> {
  for await (const chunk of source) {
    await new Promise<void>((resolve, reject) => {
      deflate.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  deflate.end();
}

async function* counting(
  content: Iterable<Buffer> | AsyncIterable<Buffer>,
  counted: { crc32: number; bytes: number },
): AsyncGenerator<Buffer> {
  for await (const chunk of content) {
    counted.crc32 = crc32(chunk, counted.crc32);
    counted.bytes += chunk.length;
    yield chunk;
  }
}
