import { type ByteReader, UnreadableHeader } from './byte-reader.js';
import { type HeaderReader, type ImageHeader, toOrientation } from './header.js';
import {
  type ByteOrder,
  bigEntryBytes,
  byteOrderOf,
  entryBytes,
  readCounts,
  readFields,
  tag,
} from './tiff-fields.js';

/** libtiff takes no directory with more entries. */
const maxEntries = 4096;
/** Directories that are followed; each one is remembered, to leave a chain that bites its tail. */
const maxDirectories = 100_000;

/** Samples that carry colour, by photometric interpretation: grey, RGB, palette, CMYK, YCbCr, Lab. Any more are alpha. */
const colourSamples: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1],
  [2, 3],
  [3, 1],
  [5, 4],
  [6, 3],
  [8, 3],
]);

/** XMP, IPTC, Photoshop's resources and ImageJ's texts: what is read whole. */
const metadataTags = [tag.xmp, tag.iptc, tag.photoshop, tag.description];

/** Where things stand in a TIFF or a BigTIFF. */
interface Layout {
  readonly order: ByteOrder;
  readonly isBig: boolean;
}

interface Directory {
  readonly header: ImageHeader;
  readonly bands: number;
  readonly profileBytes: number;
  readonly metadataBytes: number;
  /** Where the next directory stands; 0 after the last. */
  readonly next: number;
}

/** Reads a TIFF's chain of directories, one a page (TIFF 6.0, section 2). */
export const readTiff: HeaderReader = async (file, tally) => {
  const start = await file.exactly(0, 8);
  const order = byteOrderOf(start);
  if (!order) throw new UnreadableHeader('it has no byte order');
  const layout = { order, isBig: order.u16(start, 2) === 43 };
  let next = layout.isBig ? order.u64(await file.exactly(8, 8), 0) : order.u32(start, 4);
  let first: ImageHeader | undefined;
  const seen = new Set<number>();
  while (next !== 0 && !seen.has(next)) {
    if (seen.size === maxDirectories) throw new UnreadableHeader(`it has more than ${maxDirectories} pages`);
    seen.add(next);
    const directory = await readDirectory(file, next, layout);
    if (!directory) break;
    first ??= directory.header;
    next = directory.next;
    tally.add(directory.header.width, directory.header.height);
    tally.bands(directory.bands);
    tally.profile(directory.profileBytes);
    tally.metadata(directory.metadataBytes);
  }
  if (!first) throw new UnreadableHeader('it has no directory with a size');
  return first;
};

/** One directory, or undefined when it is cut off or gives no size. */
async function readDirectory(file: ByteReader, at: number, layout: Layout): Promise<Directory | undefined> {
  const { order, isBig } = layout;
  const countBytes = isBig ? 8 : 2;
  const prefix = await file.upTo(at, countBytes);
  if (prefix.length < countBytes) return undefined;
  const count = isBig ? order.u64(prefix, 0) : order.u16(prefix, 0);
  if (count > maxEntries) return undefined;
  const entriesBytes = count * (isBig ? bigEntryBytes : entryBytes);
  const nextBytes = isBig ? 8 : 4;
  const body = await file.upTo(at + countBytes, entriesBytes + nextBytes);
  if (body.length < entriesBytes) return undefined;
  const entries = body.subarray(0, entriesBytes);
  const fields = readFields(entries, order, isBig);
  const header = headerOf(fields);
  if (!header) return undefined;
  const isCut = body.length < entriesBytes + nextBytes;
  const next = isCut ? 0 : isBig ? order.u64(body, entriesBytes) : order.u32(body, entriesBytes);
  const bytes = readCounts(entries, order, isBig);
  return {
    header,
    bands: fields.get(tag.samplesPerPixel) ?? 1,
    profileBytes: bytes.get(tag.profile) ?? 0,
    metadataBytes: metadataTags.reduce((sum, each) => sum + (bytes.get(each) ?? 0), 0),
    next,
  };
}

function headerOf(fields: ReadonlyMap<number, number>): ImageHeader | undefined {
  const width = fields.get(tag.width);
  const height = fields.get(tag.height);
  if (!width || !height) return undefined;
  const samples = fields.get(tag.samplesPerPixel) ?? 1;
  const colours = colourSamples.get(fields.get(tag.photometric) ?? (samples > 2 ? 2 : 1));
  return {
    width,
    height,
    orientation: toOrientation(fields.get(tag.orientation)),
    hasAlpha: colours !== undefined && samples > colours,
  };
}
