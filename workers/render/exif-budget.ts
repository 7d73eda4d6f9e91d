const EXIF_POINTER = 0x8769;
const GPS_POINTER = 0x8825;
const INTEROP_POINTER = 0xa005;
const VALUE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8];
/** A camera writes a hundred tags; values that overlap are how a small block makes a reader run for ever. */
const MAX_DIRECTORIES = 8;
const MAX_ENTRIES = 2_000;

/**
 * Whether an EXIF block is one that a reader gets through: few directories, and values that together
 * are no longer than the block. The library that reads tags has no such limit of its own.
 *
 * @param data as libvips gives it, with or without its `Exif\0\0`
 */
export function isReadableExif(data: Buffer): boolean {
  const start = data.toString('latin1', 0, 4) === 'Exif' ? 6 : 0;
  const little = data.toString('latin1', start, start + 2) === 'II';
  const u16 = (at: number): number => (little ? data.readUInt16LE(at) : data.readUInt16BE(at));
  const u32 = (at: number): number => (little ? data.readUInt32LE(at) : data.readUInt32BE(at));
  try {
    const directories = [start + u32(start + 4)];
    let valueBytes = 0;
    let entries = 0;
    for (const at of directories) {
      const count = u16(at);
      entries += count;
      if (directories.length > MAX_DIRECTORIES || entries > MAX_ENTRIES) return false;
      for (let entry = at + 2; entry < at + 2 + 12 * count; entry += 12) {
        valueBytes += u32(entry + 4) * (VALUE_BYTES[u16(entry + 2)] ?? 0);
        if ([EXIF_POINTER, GPS_POINTER, INTEROP_POINTER].includes(u16(entry)))
          directories.push(start + u32(entry + 8));
      }
      // The next one: the thumbnail's.
      const next = u32(at + 2 + 12 * count);
      if (next !== 0) directories.push(start + next);
    }
    return valueBytes <= data.length;
  } catch {
    // It points past its own end.
    return false;
  }
}
