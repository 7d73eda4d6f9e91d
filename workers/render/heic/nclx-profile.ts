/** Where red, green and blue lie, as `x, y` of the chromaticity diagram (ITU-T H.273, table 2); all have white D65. */
const primaries: Readonly<Record<number, readonly [number, number, number, number, number, number]>> = {
  9: [0.708, 0.292, 0.17, 0.797, 0.131, 0.046],
  12: [0.68, 0.32, 0.265, 0.69, 0.15, 0.06],
};

/** White D65, and how its XYZ become those of ICC's D50 (Bradford; ICC.1:2022, annex E). */
const WHITE = [0.3127, 0.329] as const;
const TO_D50 = [
  [1.0478112, 0.0228866, -0.050127],
  [0.0295424, 0.9904844, -0.0170491],
  [-0.0092345, 0.0150436, 0.7521316],
] as const;

type Vector = readonly [number, number, number];

/**
 * An ICC profile for a colour space that HEIF names by a number: BT.2020 (9) and Display P3 (12), with the
 * curve of sRGB, which is what phones mean. Undefined for the others: those are near enough to sRGB.
 */
export function nclxProfile(colourPrimaries: number): Buffer | undefined {
  const found = primaries[colourPrimaries];
  if (!found) return undefined;
  const [red, green, blue] = columnsOf(found);
  const text = multiLocalised('From HEIF');
  const curve = srgbCurve();
  return profile([
    ['desc', text],
    ['cprt', text],
    ['wtpt', xyz([0.9642, 1, 0.8249])],
    ['rXYZ', xyz(red)],
    ['gXYZ', xyz(green)],
    ['bXYZ', xyz(blue)],
    ['rTRC', curve],
    ['gTRC', curve],
    ['bTRC', curve],
  ]);
}

/** The XYZ of full red, green and blue under D50: the primaries, weighted so that they make white. */
function columnsOf([xr, yr, xg, yg, xb, yb]: readonly [number, number, number, number, number, number]): [
  Vector,
  Vector,
  Vector,
] {
  const [r, g, b] = [toXyz(xr, yr), toXyz(xg, yg), toXyz(xb, yb)];
  const white = toXyz(...WHITE);
  const all = determinant(r, g, b);
  const weights = [determinant(white, g, b), determinant(r, white, b), determinant(r, g, white)] as const;
  return [
    toD50(scale(r, weights[0] / all)),
    toD50(scale(g, weights[1] / all)),
    toD50(scale(b, weights[2] / all)),
  ];
}

function toXyz(x: number, y: number): Vector {
  return [x / y, 1, (1 - x - y) / y];
}

function scale([x, y, z]: Vector, by: number): Vector {
  return [x * by, y * by, z * by];
}

function determinant(a: Vector, b: Vector, c: Vector): number {
  return (
    a[0] * (b[1] * c[2] - c[1] * b[2]) -
    b[0] * (a[1] * c[2] - c[1] * a[2]) +
    c[0] * (a[1] * b[2] - b[1] * a[2])
  );
}

function toD50(v: Vector): Vector {
  const row = ([a, b, c]: Vector): number => a * v[0] + b * v[1] + c * v[2];
  return [row(TO_D50[0]), row(TO_D50[1]), row(TO_D50[2])];
}

/** A signed number of 16 bits before the point and 16 behind it. */
function fixed(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.round(value * 65_536));
  return bytes;
}

function element(type: string, ...pieces: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(`${type}\0\0\0\0`, 'latin1'), ...pieces]);
}

function xyz(values: Vector): Buffer {
  return element('XYZ ', ...values.map(fixed));
}

/** IEC 61966-2-1 as a parametric curve of type 3 (ICC.1:2022, 10.18). */
function srgbCurve(): Buffer {
  const numbers = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045].map(fixed);
  return element('para', Buffer.from([0, 3, 0, 0]), ...numbers);
}

/** One record, in English (10.15). */
function multiLocalised(text: string): Buffer {
  const letters = Buffer.from(text, 'utf16le').swap16();
  const numbers = Buffer.alloc(20);
  numbers.writeUInt32BE(1, 0);
  numbers.writeUInt32BE(12, 4);
  numbers.write('enUS', 8, 'latin1');
  numbers.writeUInt32BE(letters.length, 12);
  numbers.writeUInt32BE(28, 16);
  return element('mluc', numbers, letters);
}

/** Header, table of tags, and their elements, each at a multiple of four (7.1). */
function profile(tags: readonly (readonly [string, Buffer])[]): Buffer {
  const table = Buffer.alloc(4 + 12 * tags.length);
  table.writeUInt32BE(tags.length);
  const pieces: Buffer[] = [];
  let at = 128 + table.length;
  for (const [index, [name, data]] of tags.entries()) {
    const padded = Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
    table.write(name, 4 + 12 * index, 'latin1');
    table.writeUInt32BE(at, 8 + 12 * index);
    table.writeUInt32BE(data.length, 12 + 12 * index);
    pieces.push(padded);
    at += padded.length;
  }
  const header = Buffer.alloc(128);
  header.writeUInt32BE(at);
  header.writeUInt32BE(0x04400000, 8);
  header.write('mntrRGB XYZ ', 12, 'latin1');
  header.write('acsp', 36, 'latin1');
  header.set(xyz([0.9642, 1, 0.8249]).subarray(8), 68);
  return Buffer.concat([header, table, ...pieces]);
}
