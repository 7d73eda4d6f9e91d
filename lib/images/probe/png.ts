import { UnreadableHeader } from './byte-reader.js';
import type { HeaderReader, Orientation } from './header.js';
import { countText } from './png-text.js';
import { exifBytes, exifOrientation } from './tiff-fields.js';

/** Colour types with an alpha channel (PNG, third edition, 11.2.1). */
const colourTypesWithAlpha: ReadonlySet<number> = new Set([4, 6]);

/** Length, type and check sum of a chunk, in bytes. */
const chunkOverhead = 12;

/** Reads a PNG's chunks before its pixels; the frames of an APNG do not count, decoders here show the first. */
export const readPng: HeaderReader = async (file, tally) => {
  const first = await file.exactly(8, 18);
  if (first.toString('latin1', 4, 8) !== 'IHDR') throw new UnreadableHeader('its first chunk is not IHDR');
  let hasAlpha = colourTypesWithAlpha.has(first.readUInt8(17));
  let orientation: Orientation = 1;
  for (let at = 8 + chunkOverhead + first.readUInt32BE(0); ; ) {
    const chunk = await file.upTo(at, 8);
    const type = chunk.toString('latin1', 4);
    if (chunk.length < 8 || type === 'IDAT' || type === 'IEND') break;
    const length = chunk.readUInt32BE(0);
    if (type === 'tRNS') hasAlpha = true;
    await countText(file, type, at + 8, length, tally);
    if (type === 'eXIf') orientation = exifOrientation(await file.upTo(at + 8, Math.min(length, exifBytes)));
    at += chunkOverhead + length;
  }
  return { width: first.readUInt32BE(8), height: first.readUInt32BE(12), orientation, hasAlpha };
};
