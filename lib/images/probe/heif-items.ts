import { boxesIn, Cursor } from './boxes.js';

/** The types of a HEIF's items by their ids, such as `hvc1` or `Exif` (ISO/IEC 14496-12, 8.11.6). */
export function itemTypes(iinf: Buffer): ReadonlyMap<number, string> {
  const countBytes = new Cursor(iinf).fullBoxHeader().version === 0 ? 2 : 4;
  const types = new Map<number, string>();
  for (const { type, body } of boxesIn(iinf.subarray(4 + countBytes))) {
    if (type !== 'infe') continue;
    const cursor = new Cursor(body);
    const { version } = cursor.fullBoxHeader();
    // Older versions have no type, and no picture.
    if (version < 2) continue;
    const item = cursor.take(version === 2 ? 2 : 4);
    cursor.skip(2);
    types.set(item, cursor.text(4));
  }
  return types;
}

/**
 * How many bytes the items that are wanted have, by the table that says where they lie (8.11.3).
 *
 * @throws UnreadableHeader when the table is shorter than it says
 */
export function extentBytes(iloc: Buffer, isWanted: (item: number) => boolean): number {
  const cursor = new Cursor(iloc);
  const { version } = cursor.fullBoxHeader();
  const [offsetBytes, lengthBytes] = halves(cursor.take(1));
  const [baseBytes, last] = halves(cursor.take(1));
  const indexBytes = version === 0 ? 0 : last;
  const idBytes = version < 2 ? 2 : 4;
  let bytes = 0;
  for (let items = cursor.take(idBytes); items > 0; items--) {
    const wanted = isWanted(cursor.take(idBytes));
    cursor.skip((version === 0 ? 2 : 4) + baseBytes);
    const extents = cursor.take(2);
    // No length means all of the file, which nobody writes for metadata, and which cannot be counted here.
    if (!wanted || lengthBytes === 0) {
      cursor.skip(extents * (indexBytes + offsetBytes + lengthBytes));
      continue;
    }
    for (let extent = 0; extent < extents; extent++) {
      cursor.skip(indexBytes + offsetBytes);
      bytes += cursor.number(lengthBytes);
    }
  }
  return bytes;
}

function halves(byte: number): [number, number] {
  return [byte >> 4, byte & 15];
}
