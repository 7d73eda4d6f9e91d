/** A WebP with a canvas and these chunks, and a picture behind them. */
export function vp8x(width: number, height: number, chunks: readonly Buffer[], flags = 0x2c): Buffer {
  const canvas = Buffer.alloc(10);
  canvas.writeUInt8(flags);
  canvas.writeUIntLE(width - 1, 4, 3);
  canvas.writeUIntLE(height - 1, 7, 3);
  const body = Buffer.concat([Buffer.from('WEBP'), webpChunk('VP8X', canvas), ...chunks]);
  const head = Buffer.from('RIFF\0\0\0\0', 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([head, body]);
}

/** A chunk of a WebP. */
export function webpChunk(type: string, content: Buffer): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
}

/** Turns one field of a TIFF's first directory into another. */
export function setField(
  file: Buffer,
  which: number,
  field: { tag: number; type: number; count: number; value: number },
): Buffer {
  const directory = file.readUInt32LE(4);
  const fields = file.readUInt16LE(directory);
  for (let index = 0; index < fields; index++) {
    const at = directory + 2 + 12 * index;
    if (file.readUInt16LE(at) !== which) continue;
    file.writeUInt16LE(field.tag, at);
    file.writeUInt16LE(field.type, at + 2);
    file.writeUInt32LE(field.count, at + 4);
    file.writeUInt32LE(field.value, at + 8);
  }
  return file;
}
