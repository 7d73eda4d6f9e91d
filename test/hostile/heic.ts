import { codedPictures } from './heic-pictures.js';

/** A box: its size, its type, its content. */
export function box(type: string, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), ...content]);
  return Buffer.concat([u32(body.length + 4), body]);
}

/** A box that begins with a version and flags of none. */
export function fullBox(type: string, version: number, ...content: readonly Buffer[]): Buffer {
  return box(type, u32(version << 24), ...content);
}

/** Something in a HEIF: a coded picture, what puts pictures together, or metadata. */
export interface HeifItem {
  readonly type: string;
  readonly data: Buffer;
  /** Whole boxes. */
  readonly properties?: readonly Buffer[];
  /** How often the table of places names the data, one behind the other. */
  readonly extents?: number;
}

/** A HEIF. Items have the ids 1, 2, 3 …; the first is the main picture. */
export interface HeifParts {
  readonly items: readonly HeifItem[];
  readonly references?: readonly {
    readonly type: string;
    readonly from: number;
    readonly to: readonly number[];
  }[];
}

/** Writes a HEIF by hand (ISO/IEC 23008-12), true or lying. */
export function heif({ items, references = [] }: HeifParts): Buffer {
  const brands = box('ftyp', Buffer.from('heic\0\0\0\0mif1heicmiaf', 'latin1'));
  const size = metaOf(items, references, 0).length;
  const meta = metaOf(items, references, brands.length + size + 8);
  return Buffer.concat([brands, meta, box('mdat', ...items.map(({ data }) => data))]);
}

function metaOf(items: readonly HeifItem[], references: HeifParts['references'], dataAt: number): Buffer {
  const properties = items.flatMap((item) => item.properties ?? []);
  let used = 0;
  const associations = items.map(({ properties = [] }, index) => {
    const places = properties.map(() => ++used | 0x8000);
    return Buffer.concat([u16(index + 1), u8(places.length), ...places.map(u16)]);
  });
  let at = dataAt;
  const places = items.map(({ data, extents = 1 }, index) => {
    const extent = Buffer.concat([u32(at), u32(data.length)]);
    at += data.length;
    return Buffer.concat([
      u16(index + 1),
      u16(0),
      u16(extents),
      ...Array.from({ length: extents }, () => extent),
    ]);
  });
  const information = items.map(({ type }, index) =>
    fullBox('infe', 2, u16(index + 1), u16(0), Buffer.from(`${type}\0`, 'latin1'), mimeOf(type)),
  );
  return fullBox(
    'meta',
    0,
    fullBox('hdlr', 0, u32(0), Buffer.from('pict', 'latin1'), Buffer.alloc(13)),
    fullBox('pitm', 0, u16(1)),
    fullBox('iloc', 0, Buffer.from([0x44, 0]), u16(items.length), ...places),
    fullBox('iinf', 0, u16(items.length), ...information),
    box('iprp', box('ipco', ...properties), box('ipma', u32(1), u32(associations.length), ...associations)),
    fullBox(
      'iref',
      0,
      ...(references ?? []).map(({ type, from, to }) => box(type, u16(from), u16(to.length), ...to.map(u16))),
    ),
  );
}

function mimeOf(type: string): Buffer {
  return Buffer.from(type === 'mime' ? 'application/rdf+xml\0' : '', 'latin1');
}

/** The property that says how large an item is. */
export function extent(width: number, height: number): Buffer {
  return fullBox('ispe', 0, u32(width), u32(height));
}

/** Turns against the clock: 0 to 3 quarters. */
export function turned(quarters: number): Buffer {
  return box('irot', u8(quarters));
}

/** Mirrors: 0 top to bottom, 1 left to right. */
export function mirrored(axis: 0 | 1): Buffer {
  return box('imir', u8(axis));
}

/** The colour space by its number (12: Display P3), the curve of sRGB, BT.601, full range. */
export function nclx(primaries: number): Buffer {
  return box('colr', Buffer.from('nclx', 'latin1'), u16(primaries), u16(13), u16(6), u8(0x80));
}

/** A coded picture of 96×64: red, green / blue, white quarters; or the alpha plane, clear in its left quarter. */
export function codedItem(which: 'colour' | 'alpha', ...properties: readonly Buffer[]): HeifItem {
  const { hvcC, data } = codedPictures[which];
  return { type: 'hvc1', data, properties: [box('hvcC', hvcC), extent(96, 64), ...properties] };
}

/** The quarters, as a phone would store them. */
export function heicQuarters(...properties: readonly Buffer[]): Buffer {
  return heif({ items: [codedItem('colour', ...properties)] });
}

/** The quarters with an alpha plane beside them. */
export function heicAlpha(): Buffer {
  const alpha = fullBox('auxC', 0, Buffer.from('urn:mpeg:hevc:2015:auxid:1\0', 'latin1'));
  return heif({
    items: [codedItem('colour'), codedItem('alpha', alpha)],
    references: [{ type: 'auxl', from: 2, to: [1] }],
  });
}

/** A grid of the quarters, as phones put large pictures together; EXIF and XMP may go with it. */
export function heicGrid(columns: number, rows: number, more: Partial<HeicGrid> = {}): Buffer {
  const { properties = [], width = columns * 96, height = rows * 64, metadata = [] } = more;
  const tiles = more.tiles ?? columns * rows;
  const data = Buffer.concat([Buffer.from([0, 0, rows - 1, columns - 1]), u16(width), u16(height)]);
  const grid: HeifItem = { type: 'grid', data, properties: [extent(width, height), ...properties] };
  const first = 2 + tiles;
  return heif({
    items: [grid, ...Array.from({ length: tiles }, () => codedItem('colour')), ...metadata],
    references: [
      { type: 'dimg', from: 1, to: Array.from({ length: tiles }, (_, tile) => tile + 2) },
      ...metadata.map((_, index) => ({ type: 'cdsc', from: first + index, to: [1] })),
    ],
  });
}

/** What of a {@link heicGrid} may be other than its tiles make it. */
export interface HeicGrid {
  readonly properties: readonly Buffer[];
  readonly width: number;
  readonly height: number;
  readonly tiles: number;
  readonly metadata: readonly HeifItem[];
}

function u8(value: number): Buffer {
  return Buffer.from([value]);
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
