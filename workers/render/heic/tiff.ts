import { open } from 'node:fs/promises';
import type { DecodedHeic } from './decode.js';

const MAX_STRIP_BYTES = 1024 * 1024;
const SHORT = 3;
const LONG = 4;
const UNDEFINED = 7;

type Entry = readonly [tag: number, type: number, values: readonly number[] | Buffer];

/**
 * Writes a decoded picture as a plain TIFF, with its profile: what libvips reads as any other file.
 *
 * @throws what writing throws, such as ENOSPC
 */
export async function writeTiff(path: string, picture: DecodedHeic): Promise<void> {
  const { width, height, channels, rows } = picture;
  const rowBytes = width * channels;
  const rowsPerStrip = Math.max(1, Math.floor(MAX_STRIP_BYTES / rowBytes));
  const header = headerOf(picture, rowsPerStrip);
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(header);
    for (let row = 0; row < height; row += rowsPerStrip) {
      await handle.writeFile(Buffer.concat(rows.slice(row, row + rowsPerStrip)));
    }
  } finally {
    await handle.close();
  }
}

/** The one directory, and the values that have no room in it (TIFF 6.0, section 2). The pixels follow. */
function headerOf({ width, height, channels, profile }: DecodedHeic, rowsPerStrip: number): Buffer {
  const strips = Math.ceil(height / rowsPerStrip);
  const stripBytes = rowsPerStrip * width * channels;
  const bytes = Array.from({ length: strips }, (_, strip) =>
    Math.min(stripBytes, height * width * channels - strip * stripBytes),
  );
  const entries = (pixelsAt: number): Entry[] => [
    [256, LONG, [width]],
    [257, LONG, [height]],
    [258, SHORT, Array.from({ length: channels }, () => 8)],
    // No compression, RGB.
    [259, SHORT, [1]],
    [262, SHORT, [2]],
    [273, LONG, bytes.map((_, strip) => pixelsAt + strip * stripBytes)],
    [277, SHORT, [channels]],
    [278, LONG, [rowsPerStrip]],
    [279, LONG, bytes],
    [284, SHORT, [1]],
    // Alpha that the colours are not multiplied with.
    ...(channels === 4 ? [[338, SHORT, [2]] as const] : []),
    ...(profile ? [[34_675, UNDEFINED, profile] as const] : []),
  ];
  return directory(entries(directory(entries(0)).length));
}

function directory(entries: readonly Entry[]): Buffer {
  const table = Buffer.alloc(8 + 2 + 12 * entries.length + 4);
  table.write('II*\0', 'latin1');
  table.writeUInt32LE(8, 4);
  table.writeUInt16LE(entries.length, 8);
  const beside: Buffer[] = [];
  let at = table.length;
  for (const [index, [tag, type, values]] of entries.entries()) {
    const entry = 10 + 12 * index;
    const data = Buffer.isBuffer(values) ? values : numbers(values, type);
    table.writeUInt16LE(tag, entry);
    table.writeUInt16LE(type, entry + 2);
    table.writeUInt32LE(values.length, entry + 4);
    if (data.length <= 4) table.set(data, entry + 8);
    else {
      table.writeUInt32LE(at, entry + 8);
      const padded = Buffer.concat([data, Buffer.alloc(data.length % 2)]);
      beside.push(padded);
      at += padded.length;
    }
  }
  return Buffer.concat([table, ...beside]);
}

function numbers(values: readonly number[], type: number): Buffer {
  const size = type === SHORT ? 2 : 4;
  const data = Buffer.alloc(size * values.length);
  for (const [index, value] of values.entries()) data.writeUIntLE(value, index * size, size);
  return data;
}
