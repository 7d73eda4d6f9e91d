import { type Orientation, toOrientation } from './header.js';

/** Unsigned numbers in the byte order of a TIFF structure, which Exif is too. */
export interface ByteOrder {
  u16(bytes: Buffer, at: number): number;
  u32(bytes: Buffer, at: number): number;
  u64(bytes: Buffer, at: number): number;
}

const littleEndian: ByteOrder = {
  u16: (bytes, at) => bytes.readUInt16LE(at),
  u32: (bytes, at) => bytes.readUInt32LE(at),
  u64: (bytes, at) => Number(bytes.readBigUInt64LE(at)),
};

const bigEndian: ByteOrder = {
  u16: (bytes, at) => bytes.readUInt16BE(at),
  u32: (bytes, at) => bytes.readUInt32BE(at),
  u64: (bytes, at) => Number(bytes.readBigUInt64BE(at)),
};

/** The fields that a probe looks at (TIFF 6.0, section 8). */
export const tag = {
  width: 256,
  height: 257,
  photometric: 262,
  orientation: 274,
  description: 270,
  samplesPerPixel: 277,
  xmp: 700,
  iptc: 33_723,
  photoshop: 34_377,
  profile: 34_675,
} as const;

const knownTags: ReadonlySet<number> = new Set(Object.values(tag));

/** Bytes of a directory entry in TIFF; BigTIFF's counts and values are twice as wide. */
export const entryBytes = 12;
/** Bytes of a directory entry in BigTIFF. */
export const bigEntryBytes = 20;

/** The byte order that a TIFF header begins with, or undefined when it begins with none. */
export function byteOrderOf(tiff: Buffer): ByteOrder | undefined {
  const mark = tiff.toString('latin1', 0, 2);
  if (mark === 'II') return littleEndian;
  return mark === 'MM' ? bigEndian : undefined;
}

/** The known fields that hold one whole number, by tag; of a repeated tag the first counts, as in libtiff. */
export function readFields(entries: Buffer, order: ByteOrder, isBig: boolean): ReadonlyMap<number, number> {
  const step = isBig ? bigEntryBytes : entryBytes;
  const fields = new Map<number, number>();
  for (let at = 0; at + step <= entries.length; at += step) {
    const key = order.u16(entries, at);
    if (!knownTags.has(key) || fields.has(key)) continue;
    const count = isBig ? order.u64(entries, at + 4) : order.u32(entries, at + 4);
    const value = count === 1 ? readValue(entries, at, order, isBig) : undefined;
    if (value !== undefined) fields.set(key, value);
  }
  return fields;
}

/** Bytes of a value, by its type (TIFF 6.0, section 2, and BigTIFF's own). */
const typeBytes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8];

/** How many bytes the values of the known fields have, by tag; none of them is read. */
export function readCounts(entries: Buffer, order: ByteOrder, isBig: boolean): ReadonlyMap<number, number> {
  const step = isBig ? bigEntryBytes : entryBytes;
  const counts = new Map<number, number>();
  for (let at = 0; at + step <= entries.length; at += step) {
    const key = order.u16(entries, at);
    if (!knownTags.has(key) || counts.has(key)) continue;
    const count = isBig ? order.u64(entries, at + 4) : order.u32(entries, at + 4);
    counts.set(key, count * (typeBytes[order.u16(entries, at + 2)] ?? 1));
  }
  return counts;
}

function readValue(entries: Buffer, at: number, order: ByteOrder, isBig: boolean): number | undefined {
  const valueAt = at + (isBig ? 12 : 8);
  switch (order.u16(entries, at + 2)) {
    case 1:
      return entries[valueAt];
    case 3:
      return order.u16(entries, valueAt);
    case 4:
      return order.u32(entries, valueAt);
    case 16:
      return isBig ? order.u64(entries, valueAt) : undefined;
    default:
      return undefined;
  }
}

/** Bytes of Exif worth reading: the first directory stands at its front, thumbnails and maker notes behind. */
export const exifBytes = 64 * 1024;

/** The orientation in a block of Exif, with or without its `Exif` prefix; 1 when it tells none. */
export function exifOrientation(exif: Buffer): Orientation {
  const tiff = exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif;
  const order = byteOrderOf(tiff);
  if (!order || tiff.length < 8) return 1;
  const directory = tiff.subarray(order.u32(tiff, 4));
  if (directory.length < 2) return 1;
  const entries = directory.subarray(2, 2 + order.u16(directory, 0) * entryBytes);
  return toOrientation(readFields(entries, order, false).get(tag.orientation));
}
