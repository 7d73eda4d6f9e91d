import zlib from 'node:zlib';

/**
 * The CRC-32 of ZIP and gzip (APPNOTE 4.4.7), of a piece that follows others: Node's own, 1.5 GB a
 * second, or a table where Node is older than 20.15.
 *
 * @param value of what went before, 0 at the beginning
 */
export const crc32: (data: Buffer, value: number) => number = zlib.crc32 ?? tableCrc32;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** The same in JavaScript, a fifth as fast. */
export function tableCrc32(data: Buffer, value: number): number {
  let crc = ~value;
  for (const byte of data) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return ~crc >>> 0;
}
