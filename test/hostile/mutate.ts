import type { Random } from './random.js';

/** Values that readers stumble over. */
const extremes = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** Changes a file in one to eight places: bytes, bits, numbers, pieces cut out, doubled or moved. */
export function mutate(original: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let changes = random(8); changes >= 0 && bytes.length > 0; changes--) {
    bytes = changeOnce(bytes, random);
  }
  return bytes;
}

function changeOnce(bytes: Buffer, random: Random): Buffer {
  // Headers stand in front; what is wrong there leads furthest astray.
  const at = random(random(2) === 0 ? Math.min(400, bytes.length) : bytes.length);
  const length = Math.min(bytes.length - at, 1 + random(random(4) === 0 ? 4096 : 32));
  const piece = bytes.subarray(at, at + length);
  switch (random(10)) {
    case 0:
    case 1:
      return put(bytes, at, [random(256)]);
    case 2:
      return put(bytes, at, [extremes[random(extremes.length)] ?? 0]);
    case 3:
      return put(bytes, at, [(bytes[at] ?? 0) ^ (1 << random(8))]);
    case 4:
      return put(bytes, at, numberBytes(random));
    case 5:
      return put(
        bytes,
        at,
        Array.from({ length }, () => random(256)),
      );
    case 6:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 7:
      return Buffer.concat([bytes.subarray(0, at + length), piece, bytes.subarray(at + length)]);
    case 8:
      return put(bytes, random(bytes.length), [...piece]);
    default:
      return random(4) === 0 ? bytes.subarray(0, at) : put(bytes, at, [(bytes[at] ?? 0) + 1]);
  }
}

function put(bytes: Buffer, at: number, values: readonly number[]): Buffer {
  bytes.set(
    values.slice(0, bytes.length - at).map((value) => value & 0xff),
    at,
  );
  return bytes;
}

/** A number of 2 or 4 bytes at the edge of its kind, in either byte order. */
function numberBytes(random: Random): number[] {
  const edges = [0, 1, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
  const value = edges[random(edges.length)] ?? 0;
  const bytes = value > 0xffff ? [24, 16, 8, 0] : [8, 0];
  const number = bytes.map((shift) => (value >>> shift) & 0xff);
  return random(2) === 0 ? number : number.reverse();
}
