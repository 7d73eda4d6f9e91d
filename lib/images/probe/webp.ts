import { type ByteReader, UnreadableHeader } from './byte-reader.js';
import type { HeaderReader, HeaderTally, ImageHeader, Orientation } from './header.js';
import { exifBytes, exifOrientation } from './tiff-fields.js';

/** Flags of the VP8X chunk (RFC 9649, section 2.7). */
const alphaFlag = 0x10;
const exifFlag = 0x08;
const animationFlag = 0x02;

/** Where the first chunk stands, and where its content begins. */
const firstChunk = 12;
const firstContent = 20;

/** Reads a WebP: one bare bitstream, or an extended file with a canvas and chunks. */
export const readWebp: HeaderReader = async (file, tally) => {
  const type = (await file.exactly(firstChunk, 4)).toString('latin1');
  switch (type) {
    case 'VP8 ':
      return readLossy(await file.exactly(firstContent, 10));
    case 'VP8L':
      return readLossless(await file.exactly(firstContent, 5));
    case 'VP8X':
      return readExtended(file, tally);
    default:
      throw new UnreadableHeader('its first chunk holds no picture');
  }
};

/** RFC 6386, section 9.1. The upper two bits of a size are a scale that decoders ignore. */
function readLossy(frame: Buffer): ImageHeader {
  if (frame.readUIntBE(3, 3) !== 0x9d012a) throw new UnreadableHeader('its frame has no start code');
  const width = frame.readUInt16LE(6) & 0x3fff;
  const height = frame.readUInt16LE(8) & 0x3fff;
  return { width, height, orientation: 1, hasAlpha: false };
}

/** RFC 9649, section 3.4: 14 bits each of width and height, less one, then a bit for alpha. */
function readLossless(stream: Buffer): ImageHeader {
  if (stream.readUInt8(0) !== 0x2f) throw new UnreadableHeader('its frame has no signature');
  const bits = stream.readUInt32LE(1);
  return {
    width: (bits & 0x3fff) + 1,
    height: ((bits >>> 14) & 0x3fff) + 1,
    orientation: 1,
    hasAlpha: ((bits >>> 28) & 1) === 1,
  };
}

async function readExtended(file: ByteReader, tally: HeaderTally): Promise<ImageHeader> {
  const header = await file.exactly(0, 30);
  const flags = header.readUInt8(firstContent);
  const width = header.readUIntLE(24, 3) + 1;
  const height = header.readUIntLE(27, 3) + 1;
  const riffEnd = 8 + header.readUInt32LE(4);
  let orientation: Orientation = 1;
  for (let at = firstChunk; at + 8 <= riffEnd; ) {
    const chunk = await file.upTo(at, 8);
    if (chunk.length < 8) break;
    const type = chunk.toString('latin1', 0, 4);
    const length = chunk.readUInt32LE(4);
    if (type === 'ANMF' && (flags & animationFlag) !== 0) tally.add(width, height);
    if (type === 'ICCP') tally.profile(length);
    if (type === 'EXIF' || type === 'XMP ') tally.metadata(length);
    if (type === 'EXIF' && (flags & exifFlag) !== 0) {
      orientation = exifOrientation(await file.upTo(at + 8, Math.min(length, exifBytes)));
    }
    // Chunks are padded to an even length.
    at += 8 + length + (length % 2);
  }
  return { width, height, orientation, hasAlpha: (flags & alphaFlag) !== 0 };
}
