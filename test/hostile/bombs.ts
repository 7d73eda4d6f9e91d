import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import type { ProblemCode } from '../../lib/errors.js';
import {
  animation,
  gif,
  insertChunk,
  insertSegments,
  picture,
  segment,
  tiff,
} from '../lib/images/samples.js';
import { setField, vp8x, webpChunk } from './file-parts.js';
import * as heic from './heic.js';

/** A file that is small and wants to be large. */
export interface Bomb {
  readonly name: string;
  readonly bytes: Buffer;
  /** What it must come to; undefined: an image or any named problem. */
  readonly code?: ProblemCode;
}

const MIB = 1024 * 1024;

/** Bombs by pixels, frames, chunks, profiles and metadata, in every format that has such a thing. */
export async function bombs(): Promise<Bomb[]> {
  return [
    ...(await byPixels()),
    ...(await byFrames()),
    ...(await byChunks()),
    ...(await byProfile()),
    ...(await byMetadata()),
    ...(await byWhatTheHeaderHides()),
  ];
}

async function byPixels(): Promise<Bomb[]> {
  const jpeg = await picture().jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  jpeg.writeUInt16BE(65_500, frame + 5);
  jpeg.writeUInt16BE(65_500, frame + 7);
  const png = await picture().png().toBuffer();
  png.writeUInt32BE(30_000, 16);
  png.writeUInt32BE(30_000, 20);
  const avif = await picture().avif({ effort: 0 }).toBuffer();
  avif.writeUInt32BE(60_000, avif.indexOf('ispe') + 8);
  avif.writeUInt32BE(60_000, avif.indexOf('ispe') + 12);
  const files = {
    jpeg,
    png,
    avif,
    webp: vp8x(16_384, 16_384, []),
    gif: gif(65_535, 65_535, [{ width: 65_535, height: 65_535 }]),
    tiff: lyingTiff(),
    'heic, grid': heic.heicGrid(2, 2, { width: 60_000, height: 60_000 }),
  };
  return Object.entries(files).map(([format, bytes]) => ({
    name: `pixels, ${format}`,
    bytes,
    code: 'INPUT_TOO_MANY_PIXELS',
  }));
}

async function byFrames(): Promise<Bomb[]> {
  const frames = Array.from({ length: 600 }, () => ({ width: 1, height: 1 }));
  const webp = await animation(2).webp().toBuffer();
  const anmf = webp.subarray(webp.indexOf('ANMF'));
  const first = anmf.subarray(0, 8 + anmf.readUInt32LE(4));
  return [
    { name: 'frames, gif', bytes: gif(1, 1, frames), code: 'INPUT_TOO_MANY_FRAMES' },
    { name: 'frames, tiff', bytes: tiff({ pages: 600, width: 1, height: 1 }), code: 'INPUT_TOO_MANY_FRAMES' },
    {
      name: 'frames, webp',
      bytes: vp8x(
        12,
        10,
        [webpChunk('ANIM', Buffer.alloc(6)), ...Array.from({ length: 600 }, () => first)],
        2,
      ),
      code: 'INPUT_TOO_MANY_FRAMES',
    },
    { name: 'pages without end, tiff', bytes: tiff({ pages: 3, isCyclic: true }) },
  ];
}

async function byChunks(): Promise<Bomb[]> {
  const png = await picture().png().toBuffer();
  const jpeg = await picture().jpeg().toBuffer();
  const chunk = insertChunk(png, 'teSt', Buffer.from('x')).subarray(33, 33 + 13);
  const text = insertChunk(png, 'zTXt', Buffer.concat([Buffer.from('k\0\0'), deflateSync(Buffer.alloc(9))]));
  const texts = text.subarray(33, text.length - (png.length - 33));
  const items = Array.from({ length: 2000 }, () => ({ type: 'Exif', data: Buffer.alloc(4) }));
  const behind = (piece: Buffer, count: number): Buffer =>
    Buffer.concat([png.subarray(0, 33), Buffer.alloc(piece.length * count, piece), png.subarray(33)]);
  return [
    { name: 'chunks, png', bytes: behind(chunk, 100_000) },
    { name: 'chunks of packed text, png', bytes: behind(texts, 5_000), code: 'INPUT_METADATA_TOO_LARGE' },
    {
      name: 'segments, jpeg',
      bytes: insertSegments(jpeg, Buffer.alloc(100_000 * 5, segment(0xe5, Buffer.from('x')))),
    },
    { name: 'scans, jpeg', bytes: await manyScans() },
    {
      name: 'chunks, webp',
      bytes: vp8x(31, 17, [Buffer.alloc(100_000 * 10, webpChunk('TEST', Buffer.alloc(2)))]),
    },
    {
      name: 'blocks, gif',
      bytes: Buffer.concat([
        gif(1, 1, []).subarray(0, -1),
        Buffer.alloc(300_000, Buffer.from([0x21, 0xfe, 0])),
      ]),
    },
    { name: 'items, heic', bytes: heic.heicGrid(1, 1, { metadata: items }) },
    { name: 'tiles, heic', bytes: heic.heicGrid(20, 20, { width: 1900, height: 1260 }) },
  ];
}

async function byProfile(): Promise<Bomb[]> {
  const profile = Buffer.alloc(5 * MIB);
  const part = segment(
    0xe2,
    Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\xff', 'latin1'), Buffer.alloc(65_000)]),
  );
  const packed = Buffer.concat([Buffer.from('icc\0\0', 'latin1'), deflateSync(profile)]);
  const jpeg = await picture().jpeg().toBuffer();
  const png = await picture().png().toBuffer();
  const nearly = { ...heic.codedItem('colour') };
  const colr = heic.box('colr', Buffer.from('prof', 'latin1'), profile);
  const files: Readonly<Record<string, readonly [Buffer, ProblemCode]>> = {
    jpeg: [insertSegments(jpeg, ...Array.from({ length: 80 }, () => part)), 'INPUT_PROFILE_TOO_LARGE'],
    png: [insertChunk(png, 'iCCP', packed), 'INPUT_PROFILE_TOO_LARGE'],
    webp: [vp8x(31, 17, [webpChunk('ICCP', profile)]), 'INPUT_PROFILE_TOO_LARGE'],
    tiff: [await largeTag(34_675, 5 * MIB), 'INPUT_PROFILE_TOO_LARGE'],
    heic: [
      heic.heif({ items: [{ ...nearly, properties: [...(nearly.properties ?? []), colr] }] }),
      'MEDIA_TYPE_UNSUPPORTED',
    ],
  };
  return Object.entries(files).map(([format, [bytes, code]]) => ({
    name: `profile, ${format}`,
    bytes,
    code,
  }));
}

async function byMetadata(): Promise<Bomb[]> {
  const jpeg = await picture().jpeg().toBuffer();
  const png = await picture().png().toBuffer();
  const block = segment(0xe1, Buffer.alloc(65_000, 'x'));
  const zeros = deflateSync(Buffer.alloc(100 * MIB));
  const keyword = (...bytes: readonly number[]): Buffer => Buffer.from([0x6b, ...bytes]);
  const many = { type: 'Exif', data: Buffer.alloc(100_000), extents: 1000 };
  const code = 'INPUT_METADATA_TOO_LARGE';
  return [
    { name: 'EXIF, jpeg', bytes: insertSegments(jpeg, ...Array.from({ length: 300 }, () => block)), code },
    { name: 'zTXt, png', bytes: insertChunk(png, 'zTXt', Buffer.concat([keyword(0, 0), zeros])), code },
    {
      name: 'iTXt, png',
      bytes: insertChunk(png, 'iTXt', Buffer.concat([keyword(0, 1, 0, 0, 0), zeros])),
      code,
    },
    { name: 'XMP, webp', bytes: vp8x(31, 17, [webpChunk('XMP ', Buffer.alloc(17 * MIB))]), code },
    { name: 'XMP, tiff', bytes: await largeTag(700, 17 * MIB), code },
    { name: 'the same EXIF again and again, heic', bytes: heic.heicGrid(1, 1, { metadata: [many] }), code },
  ];
}

/** What a header does not say, and only the decoder finds out. */
async function byWhatTheHeaderHides(): Promise<Bomb[]> {
  const jpeg = await picture().jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  const second = Buffer.from(jpeg.subarray(frame, frame + 19));
  second.writeUInt16BE(65_500, 5);
  second.writeUInt16BE(65_500, 7);
  const large = await sharp({ create: { width: 1800, height: 1800, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  const png = Buffer.from(large);
  png.writeUInt32BE(8, 16);
  png.writeUInt32BE(8, 20);
  const { hvcC, data } = { ...heicParts() };
  const small = { type: 'hvc1', data, properties: [hvcC, heic.extent(8, 8)] };
  return [
    { name: 'a second frame header, jpeg', bytes: insertSegments(jpeg, second) },
    { name: 'more pixels than the header says, png', bytes: png },
    { name: 'more pixels than the header says, heic', bytes: heic.heif({ items: [small] }) },
    { name: 'six bands, tiff', bytes: await sixBands(), code: 'INPUT_TOO_MANY_BANDS' },
  ];
}

function heicParts(): { hvcC: Buffer; data: Buffer } {
  const { data, properties = [] } = heic.codedItem('colour');
  return { data, hvcC: properties[0] ?? Buffer.alloc(0) };
}

function lyingTiff(): Buffer {
  const file = tiff();
  for (const tag of [256, 257]) setField(file, tag, { tag, type: 4, count: 1, value: 60_000 });
  return file;
}

/** A progressive JPEG whose last scan comes 20,000 times. */
async function manyScans(): Promise<Buffer> {
  const jpeg = await picture({ width: 400, height: 300 }).jpeg({ progressive: true }).toBuffer();
  const last = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
  const scan = jpeg.subarray(last, -2);
  const copies = Math.min(20_000, Math.floor((8 * MIB) / scan.length));
  return Buffer.concat([jpeg.subarray(0, last), Buffer.alloc(copies * scan.length, scan), jpeg.subarray(-2)]);
}

/** A sound TIFF whose field of ICC or XMP is this large. */
async function largeTag(tag: number, bytes: number): Promise<Buffer> {
  const file = Buffer.concat([tiff(), Buffer.alloc(bytes)]);
  // In place of the orientation, which readers do without.
  return setField(file, 274, { tag, type: 7, count: bytes, value: file.length - bytes });
}

async function sixBands(): Promise<Buffer> {
  return setField(tiff(), 277, { tag: 277, type: 3, count: 1, value: 6 });
}
