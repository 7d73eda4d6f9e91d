import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ByteReader, UnreadableHeader } from '../../../../lib/images/probe/byte-reader.js';
import { readGif } from '../../../../lib/images/probe/gif.js';
import { type HeaderReader, HeaderTally } from '../../../../lib/images/probe/header.js';
import { readJpeg } from '../../../../lib/images/probe/jpeg.js';
import { readPng } from '../../../../lib/images/probe/png.js';
import { readTiff } from '../../../../lib/images/probe/tiff.js';
import { readWebp } from '../../../../lib/images/probe/webp.js';
import * as samples from '../samples.js';

const megabyte = 1024 * 1024;

/** A reader over `bytes`, and how much it has read from the file so far. */
async function readerOf(t: Test, bytes: Uint8Array): Promise<{ file: ByteReader; bytesRead: () => number }> {
  const path = join(t.testdir(), 'file');
  await writeFile(path, bytes);
  const handle = await open(path);
  t.teardown(() => handle.close());
  let total = 0;
  const counted = {
    read: async (buffer: Buffer, offset: number, length: number, position: number) => {
      const result = await handle.read(buffer, offset, length, position);
      total += result.bytesRead;
      return result;
    },
  };
  return { file: new ByteReader(counted, bytes.length), bytesRead: () => total };
}

t.test('gives the bytes that stand there, wherever it is asked', async (t) => {
  const bytes = samples.noise(300_000);
  const { file } = await readerOf(t, bytes);
  const places = [0, 65_530, 65_536, 10, 299_990, 131_000, 130_999, 131_072, 200_000];
  for (const place of places) {
    const wanted = bytes.subarray(place, place + 10);
    t.strictSame(await file.exactly(place, 10), wanted, `at ${place}`);
  }
  t.strictSame(await file.upTo(100, 200_000), bytes.subarray(100, 200_100), 'more than its window');
});

t.test('what it gave stays as it was', async (t) => {
  const bytes = samples.noise(200_000);
  const { file } = await readerOf(t, bytes);
  const first = await file.exactly(0, 100);
  await file.exactly(150_000, 100);
  t.strictSame(first, bytes.subarray(0, 100));
});

t.test('the end of the file', async (t) => {
  const { file } = await readerOf(t, Buffer.from('abc'));
  t.strictSame(await file.upTo(1, 10), Buffer.from('bc'));
  t.equal((await file.upTo(3, 10)).length, 0);
  t.equal((await file.upTo(2 ** 40, 10)).length, 0);
  await t.rejects(file.exactly(1, 3), UnreadableHeader);
});

t.test('a large file is not read for its header', async (t) => {
  const bulk = Buffer.alloc(20 * megabyte);
  const jpeg = await samples.picture().jpeg().toBuffer();
  const png = await samples.picture().png().toBuffer();
  let chunks: Buffer = png;
  for (let i = 0; i < 20; i++) chunks = samples.insertChunk(chunks, 'prIv', bulk.subarray(0, megabyte));
  const files: Readonly<Record<string, readonly [HeaderReader, Buffer]>> = {
    JPEG: [readJpeg, Buffer.concat([jpeg, bulk])],
    PNG: [readPng, samples.insertChunk(png, 'prIv', bulk)],
    'PNG with 20 large chunks': [readPng, chunks],
    WebP: [readWebp, Buffer.concat([await samples.animation(3).webp().toBuffer(), bulk])],
    'TIFF with its directory at the end': [readTiff, samples.tiff({ width: 5000, height: 4000 })],
  };
  for (const [name, [read, bytes]] of Object.entries(files)) {
    await t.test(name, async (t) => {
      const { file, bytesRead } = await readerOf(t, bytes);
      await read(file, new HeaderTally({ maxPixels: 1e9, maxFrames: 1e9 }));
      t.ok(bytesRead() <= 160 * 1024, `read ${bytesRead()} of ${bytes.length} bytes`);
    });
  }
});

t.test('a file made to be endless is given up', async (t) => {
  const comments = Buffer.alloc(megabyte, Buffer.from('fffe0002', 'hex'));
  const frame = samples.gif(1, 1, [{ width: 1, height: 1 }]).subarray(19, -1);
  const files: Readonly<Record<string, readonly [HeaderReader, Buffer]>> = {
    'JPEG of empty segments': [readJpeg, Buffer.concat([Buffer.from('ffd8', 'hex'), comments])],
    'GIF of single pixels': [
      readGif,
      Buffer.concat([samples.gif(1, 1, []).subarray(0, -1), Buffer.alloc(frame.length * 200_000, frame)]),
    ],
    'TIFF of directories that overlap': [readTiff, overlappingDirectories(30_000)],
    'TIFF of directories that lie far apart': [readTiff, scatteredDirectories(20_000)],
  };
  for (const [name, [read, bytes]] of Object.entries(files)) {
    await t.test(name, async (t) => {
      const { file, bytesRead } = await readerOf(t, bytes);
      await t.rejects(read(file, new HeaderTally({ maxPixels: 1e9, maxFrames: 1e9 })), {
        name: 'UnreadableHeader',
        message: /endless/,
      });
      t.ok(bytesRead() <= 64 * megabyte + 4 * bytes.length, `read ${bytesRead()} of ${bytes.length} bytes`);
    });
  }
});

const oneShort = (tag: number): Buffer => {
  const entry = Buffer.alloc(12);
  entry.writeUInt16LE(tag, 0);
  entry.writeUInt16LE(3, 2);
  entry.writeUInt32LE(1, 4);
  entry.writeUInt16LE(1, 8);
  return entry;
};

/**
 * Directories of 4096 entries, four entries apart, so that each byte belongs to a thousand of them. Of four
 * entries the first begins with the link of the directory that ends there, and the last ends with the count
 * of the one that begins.
 */
function overlappingDirectories(directories: number): Buffer {
  const four = Buffer.concat([Buffer.alloc(12), oneShort(256), oneShort(257), Buffer.alloc(12)]);
  four.writeUInt16LE(4096, 46);
  const bytes = Buffer.concat([
    Buffer.from('II*\0\x08\0\0\0\0\x10', 'latin1'),
    Buffer.alloc(12 * (4 * directories + 4096), four),
  ]);
  for (let i = 0; i + 1 < directories; i++) bytes.writeUInt32LE(8 + 48 * (i + 1), 10 + 12 * (4 * i + 4096));
  return bytes;
}

/** Directories of two entries that are linked to and fro between both halves of the file. */
function scatteredDirectories(directories: number): Buffer {
  const one = Buffer.concat([Buffer.from([2, 0]), oneShort(256), oneShort(257), Buffer.alloc(4)]);
  const bytes = Buffer.concat([
    Buffer.from('II*\0\x08\0\0\0', 'latin1'),
    Buffer.alloc(one.length * directories, one),
  ]);
  const place = (i: number): number => 8 + one.length * ((i >> 1) + (i % 2) * (directories / 2));
  for (let i = 0; i + 1 < directories; i++) bytes.writeUInt32LE(place(i + 1), place(i) + one.length - 4);
  return bytes;
}
