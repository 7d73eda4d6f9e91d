import { type ByteReader, UnreadableHeader } from './byte-reader.js';
import type { HeaderReader, Orientation } from './header.js';
import { exifOrientation } from './tiff-fields.js';

/** Markers of ITU T.81, table B.1. */
const startOfScan = 0xda;
const endOfImage = 0xd9;
const app1 = 0xe1;
/** Application segments, which hold EXIF, XMP, profiles and what cameras leave, and comments. */
const app2 = 0xe2;
const app15 = 0xef;
const comment = 0xfe;
/** Baseline, extended and progressive frames, Huffman or arithmetic: the ones that libjpeg decodes. */
const decodableFrames: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2, 0xc9, 0xca]);
/** Lossless and hierarchical frames. */
const otherFrames: ReadonlySet<number> = new Set([0xc3, 0xc5, 0xc6, 0xc7, 0xcb, 0xcd, 0xce, 0xcf]);

interface Segment {
  readonly marker: number;
  /** Where the content begins, behind the length. */
  readonly start: number;
  /** Bytes of content. */
  readonly length: number;
}

/** Reads a JPEG's segments up to its first scan; the thumbnail, a JPEG too, lies within one of them. */
export const readJpeg: HeaderReader = async (file, tally) => {
  let size: { width: number; height: number } | undefined;
  let orientation: Orientation | undefined;
  for await (const { marker, start, length } of segments(file)) {
    if (otherFrames.has(marker)) throw new UnreadableHeader('it is lossless or hierarchical');
    if (decodableFrames.has(marker)) {
      const frame = await file.exactly(start, 6);
      tally.bands(frame.readUInt8(5));
      size ??= { height: frame.readUInt16BE(1), width: frame.readUInt16BE(3) };
    } else if (marker === comment || (marker >= app1 && marker <= app15)) {
      const content = await file.upTo(start, marker === app1 && orientation === undefined ? length : 12);
      const name = content.toString('latin1', 0, 12);
      if (marker === app2 && name === 'ICC_PROFILE\0') tally.profile(length);
      else tally.metadata(length);
      if (marker === app1 && name.startsWith('Exif')) orientation ??= exifOrientation(content);
    }
  }
  if (!size) throw new UnreadableHeader('it has no frame header');
  return { ...size, orientation: orientation ?? 1, hasAlpha: false };
};

/** The segments from the first on; they end at the first scan, or where the file does. */
async function* segments(file: ByteReader): AsyncGenerator<Segment> {
  for (let at = 2; ; ) {
    const marker = await findMarker(file, at);
    if (!marker || marker.code === startOfScan || marker.code === endOfImage) return;
    const prefix = await file.upTo(marker.end, 2);
    if (prefix.length < 2) return;
    const length = prefix.readUInt16BE(0);
    if (length < 2) throw new UnreadableHeader('a segment has no length');
    yield { marker: marker.code, start: marker.end + 2, length: length - 2 };
    at = marker.end + length;
  }
}

/** Finds the next marker that has a segment, over fill bytes and garbage, as libjpeg does. */
async function findMarker(
  file: ByteReader,
  from: number,
): Promise<{ code: number; end: number } | undefined> {
  for (let at = from; ; ) {
    const bytes = await file.upTo(at, 256);
    const code = bytes.findIndex((byte, i) => bytes[i - 1] === 0xff && byte !== 0xff && hasSegment(byte));
    if (code > 0) return { code: bytes.readUInt8(code), end: at + code + 1 };
    if (bytes.length < 256) return undefined;
    // The last byte may be the first half of a marker.
    at += bytes.length - 1;
  }
}

/** Not a stuffed zero, TEM, RSTn or SOI, which stand alone. */
function hasSegment(code: number): boolean {
  return code !== 0 && code !== 1 && (code < 0xd0 || code > 0xd8);
}
