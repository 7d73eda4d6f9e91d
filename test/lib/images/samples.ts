import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';

/** The same noise each time: `length` bytes that no codec can make small. */
export function noise(length: number, seed = 'noise'): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

/** A picture of noise, 31×17 unless told. */
export function picture({ width = 31, height = 17, channels = 3 as 1 | 2 | 3 | 4 } = {}): Sharp {
  return sharp(noise(width * height * channels), { raw: { width, height, channels } });
}

/** An animation of noise, 12×10 a frame, so that no two frames are alike. */
export function animation(frames: number, channels: 3 | 4 = 3): Sharp {
  const raw = { width: 12, height: 10 * frames, channels, pageHeight: 10 } as const;
  return sharp(noise(raw.width * raw.height * channels), { raw });
}

/** A JPEG segment: marker, length, content. */
export function segment(marker: number, content: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

/** Exif that holds an orientation and nothing else, in the byte order of Motorola (`MM`). */
export function exif(orientation: number): Buffer {
  const tiff = Buffer.from('MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0', 'latin1');
  tiff.writeUInt16BE(orientation, 18);
  return tiff;
}

/** An APP1 segment with Exif. */
export function exifSegment(orientation: number): Buffer {
  return segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), exif(orientation)]));
}

/** Puts `pieces` right behind a JPEG's first marker. */
export function insertSegments(jpeg: Buffer, ...pieces: Buffer[]): Buffer {
  return Buffer.concat([jpeg.subarray(0, 2), ...pieces, jpeg.subarray(2)]);
}

/** Puts a chunk into a PNG, right behind its IHDR unless told where. */
export function insertChunk(png: Buffer, type: string, content: Uint8Array, at = 33): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([png.subarray(0, at), length, named, sum, png.subarray(at)]);
}

/** One frame of {@link gif}. */
export interface GifFrame {
  readonly left?: number;
  readonly top?: number;
  readonly width: number;
  readonly height: number;
  readonly isTransparent?: boolean;
  readonly hasPalette?: boolean;
}

/** A GIF by hand, for what encoders do not write: odd screens, frames of other sizes, local palettes. */
export function gif(width: number, height: number, frames: readonly GifFrame[]): Buffer {
  const palette = [0, 0, 0, 255, 255, 255];
  return Buffer.from([
    ...Buffer.from('GIF89a'),
    ...[...u16(width), ...u16(height), 0x80, 0, 0, ...palette],
    ...frames.flatMap((frame) => [
      ...[0x21, 0xf9, 4, frame.isTransparent ? 1 : 0, 10, 0, 0, 0],
      ...[0x2c, ...u16(frame.left ?? 0), ...u16(frame.top ?? 0), ...u16(frame.width), ...u16(frame.height)],
      ...(frame.hasPalette ? [0x80, ...palette] : [0]),
      ...[2, 2, 0x4c, 0x01, 0],
    ]),
    0x3b,
  ]);
}

function u16(value: number): number[] {
  return [value & 0xff, value >> 8];
}

/** How {@link tiff} writes. */
export interface TiffOptions {
  readonly pages?: number;
  readonly isBigEndian?: boolean;
  readonly isBig?: boolean;
  readonly width?: number;
  readonly height?: number;
  readonly orientation?: number;
  /** Grey and alpha rather than grey. */
  readonly hasAlpha?: boolean;
  /** The last directory names the first as the next. */
  readonly isCyclic?: boolean;
}

/** An uncompressed grey TIFF or BigTIFF by hand: pixels first, then each page's directory. */
export function tiff(options: TiffOptions = {}): Buffer {
  const { pages = 1, isBigEndian = false, isBig = false, width = 31, height = 17 } = options;
  const { orientation = 1, hasAlpha = false, isCyclic = false } = options;
  const number = (value: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeUIntLE(value, 0, Math.min(bytes, 6));
    return isBigEndian ? buffer.reverse() : buffer;
  };
  const word = isBig ? 8 : 4;
  const samples = hasAlpha ? 2 : 1;
  const pixels = noise(width * height * samples);
  const headBytes = isBig ? 16 : 8;
  const entry = (tag: number, value: number, count = 1): Buffer => {
    const isShort = value <= 0xffff;
    const values = Array.from({ length: count }, () => number(value, isShort ? 2 : 4));
    const field = Buffer.concat([number(tag, 2), number(isShort ? 3 : 4, 2), number(count, word), ...values]);
    return Buffer.concat([field, Buffer.alloc(4 + 2 * word - field.length)]);
  };
  const entries = [
    entry(256, width),
    entry(257, height),
    entry(258, 8, samples),
    entry(259, 1),
    entry(262, 1),
    entry(273, headBytes),
    entry(274, orientation),
    entry(277, samples),
    entry(278, height),
    entry(279, pixels.length),
    ...(hasAlpha ? [entry(338, 2)] : []),
  ];
  const first = headBytes + pixels.length;
  const body = Buffer.concat([number(entries.length, isBig ? 8 : 2), ...entries]);
  const directories = Array.from({ length: pages }, (_, page) => {
    const next = page < pages - 1 ? first + (page + 1) * (body.length + word) : isCyclic ? first : 0;
    return Buffer.concat([body, number(next, word)]);
  });
  const head = [Buffer.from(isBigEndian ? 'MM' : 'II'), number(isBig ? 43 : 42, 2)];
  if (isBig) head.push(number(8, 2), number(0, 2));
  return Buffer.concat([...head, number(first, word), pixels, ...directories]);
}
