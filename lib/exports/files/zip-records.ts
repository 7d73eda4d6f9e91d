/**
 * The records of a ZIP file, as PKWARE's APPNOTE 6.3.10 has them (its sections are named below). Those
 * of ZIP64 are written only where a number does not fit: not every reader of small files knows them.
 */

/** One file in the archive, as its records tell it. */
export interface ZipEntry {
  /** Its path inside: UTF-8, `/` between folders. */
  readonly name: string;
  readonly modifiedAt: Date;
  readonly deflated: boolean;
  readonly crc32: number;
  readonly bytes: number;
  readonly packedBytes: number;
}

/** The largest number of 32 bits stands for "see the ZIP64 field". */
export const MAX_32 = 0xffffffff;
const MAX_16 = 0xffff;
const VERSION = 20;
const VERSION_ZIP64 = 45;
/** Bit 11: names are UTF-8 (4.4.4). */
const UTF8 = 0x0800;
const DEFLATE = 8;
/** Made by Unix (4.4.2): the upper half of the external attributes is a file's mode. */
const UNIX = 3;
const FILE_MODE = 0o100644;
const UT = 0x5455;
const ZIP64 = 0x0001;

/**
 * What stands before a file's data (4.3.7).
 *
 * @param large the file may have 4 GiB or more; must stay the same when the record is written again
 */
export function localHeader(entry: ZipEntry, large: boolean): Buffer {
  const name = Buffer.from(entry.name);
  const extra = Buffer.concat([
    ...(large ? [zip64Field([entry.bytes, entry.packedBytes])] : []),
    timeField(entry.modifiedAt),
  ]);
  const fixed = Buffer.alloc(30);
  fixed.writeUInt32LE(0x04034b50, 0);
  fixed.writeUInt16LE(large ? VERSION_ZIP64 : VERSION, 4);
  writeCommon(fixed, 6, entry, large);
  fixed.writeUInt16LE(name.length, 26);
  fixed.writeUInt16LE(extra.length, 28);
  return Buffer.concat([fixed, name, extra]);
}

/** A file's record in the central directory (4.3.12). `offset` is where its local header begins. */
export function centralRecord(entry: ZipEntry, offset: number): Buffer {
  const large = entry.bytes >= MAX_32 || entry.packedBytes >= MAX_32;
  const far = offset >= MAX_32;
  const wide = [...(large ? [entry.bytes, entry.packedBytes] : []), ...(far ? [offset] : [])];
  const name = Buffer.from(entry.name);
  const extra = Buffer.concat([...(wide.length > 0 ? [zip64Field(wide)] : []), timeField(entry.modifiedAt)]);
  const fixed = Buffer.alloc(46);
  const version = wide.length > 0 ? VERSION_ZIP64 : VERSION;
  fixed.writeUInt32LE(0x02014b50, 0);
  fixed.writeUInt16LE((UNIX << 8) | version, 4);
  fixed.writeUInt16LE(version, 6);
  writeCommon(fixed, 8, entry, large);
  fixed.writeUInt16LE(name.length, 28);
  fixed.writeUInt16LE(extra.length, 30);
  fixed.writeUInt32LE((FILE_MODE << 16) >>> 0, 38);
  fixed.writeUInt32LE(far ? MAX_32 : offset, 42);
  return Buffer.concat([fixed, name, extra]);
}

/** The end of the archive (4.3.14 to 4.3.16): `offset` and `bytes` are the central directory's. */
export function endRecords(entries: number, offset: number, bytes: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(entries, MAX_16), 8);
  end.writeUInt16LE(Math.min(entries, MAX_16), 10);
  end.writeUInt32LE(Math.min(bytes, MAX_32), 12);
  end.writeUInt32LE(Math.min(offset, MAX_32), 16);
  if (entries < MAX_16 && bytes < MAX_32 && offset < MAX_32) return end;
  const large = Buffer.alloc(56);
  large.writeUInt32LE(0x06064b50, 0);
  large.writeBigUInt64LE(44n, 4);
  large.writeUInt16LE((UNIX << 8) | VERSION_ZIP64, 12);
  large.writeUInt16LE(VERSION_ZIP64, 14);
  [entries, entries, bytes, offset].forEach((value, index) => {
    large.writeBigUInt64LE(BigInt(value), 24 + 8 * index);
  });
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + bytes), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([large, locator, end]);
}

/** The fields that both records of a file have in common, from the flags to the sizes. */
function writeCommon(record: Buffer, at: number, entry: ZipEntry, large: boolean): void {
  const { date, time } = dosTime(entry.modifiedAt);
  record.writeUInt16LE(UTF8, at);
  record.writeUInt16LE(entry.deflated ? DEFLATE : 0, at + 2);
  record.writeUInt16LE(time, at + 4);
  record.writeUInt16LE(date, at + 6);
  record.writeUInt32LE(entry.crc32, at + 8);
  record.writeUInt32LE(large ? MAX_32 : entry.packedBytes, at + 12);
  record.writeUInt32LE(large ? MAX_32 : entry.bytes, at + 16);
}

/** The ZIP64 extra field (4.5.3): only the numbers that did not fit, in the order of the record. */
function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(ZIP64, 0);
  field.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, index) => {
    field.writeBigUInt64LE(BigInt(value), 4 + 8 * index);
  });
  return field;
}

/** Info-ZIP's "UT" field: the time in UTC, seconds since 1970 in 32 bits, until 2038. */
function timeField(modifiedAt: Date): Buffer {
  const seconds = Math.floor(modifiedAt.getTime() / 1000);
  if (seconds < 0 || seconds > 0x7fffffff) return Buffer.alloc(0);
  const field = Buffer.alloc(9);
  field.writeUInt16LE(UT, 0);
  field.writeUInt16LE(5, 2);
  field.writeUInt8(1, 4);
  field.writeUInt32LE(seconds, 5);
  return field;
}

/** MS-DOS time (4.4.6), 1980 to 2107, in steps of two seconds. It has no zone: here it is UTC. */
function dosTime(when: Date): { date: number; time: number } {
  const at = new Date(Math.min(Math.max(when.getTime(), Date.UTC(1980, 0)), Date.UTC(2107, 11, 31)));
  return {
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}
