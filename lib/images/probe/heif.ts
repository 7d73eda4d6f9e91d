import { type Box, boxesIn, Cursor, readOuterBox } from './boxes.js';
import { type ByteReader, UnreadableHeader } from './byte-reader.js';
import type { HeaderReader, HeaderTally, ImageHeader } from './header.js';
import { extentBytes, itemTypes } from './heif-items.js';

/** The `meta` box of a picture of a thousand tiles has some 45 KB. */
const maxMetaBytes = 256 * 1024;

/** What an auxiliary picture calls itself when it is the alpha plane; the names that libheif knows. */
const alphaTypes: ReadonlySet<string> = new Set([
  'urn:mpeg:mpegB:cicp:systems:auxiliary:alpha',
  'urn:mpeg:hevc:2015:auxid:1',
  'urn:mpeg:avc:2015:auxid:1',
]);

/** Items that the HEVC decoder makes a picture of: a coded one, one put together of tiles, one derived as it is. */
const heicTypes: ReadonlySet<string> = new Set(['hvc1', 'grid', 'iden']);

/** Items that hold metadata: Exif, and XMP by its media type. */
const metadataTypes: ReadonlySet<string> = new Set(['Exif', 'mime', 'uri ']);

/** Reads an AVIF. */
export const readAvif: HeaderReader = async (file, tally) => readHeif(await metaOf(file), tally);

/** Reads a HEIC, whose picture must be one that HEVC codes. */
export const readHeic: HeaderReader = async (file, tally) => {
  const meta = await metaOf(file);
  const type = itemTypes(bodyOf(meta, 'iinf')).get(primaryItem(bodyOf(meta, 'pitm')));
  if (type === undefined || !heicTypes.has(type))
    throw new UnreadableHeader('its picture is not coded by HEVC');
  return readHeif(meta, tally);
};

async function metaOf(file: ByteReader): Promise<readonly Box[]> {
  return [...boxesIn((await readOuterBox(file, 'meta', maxMetaBytes)).subarray(4))];
}

/**
 * Reads the properties of a HEIF's primary item (ISO/IEC 23008-12).
 *
 * The size is the one after cropping and turning: libheif does both itself and leaves nothing to orient.
 */
function readHeif(meta: readonly Box[], tally: HeaderTally): ImageHeader {
  const primary = primaryItem(bodyOf(meta, 'pitm'));
  const itemProperties = [...boxesIn(bodyOf(meta, 'iprp'))];
  const properties = [...boxesIn(bodyOf(itemProperties, 'ipco'))];
  const associations = readAssociations(bodyOf(itemProperties, 'ipma'));
  const propertiesOf = (item: number): readonly Box[] =>
    (associations.get(item) ?? []).flatMap((index) => properties[index - 1] ?? []);
  const references = meta.find((box) => box.type === 'iref');
  tally.metadata(metadataBytes(meta));
  const auxiliaries = references ? auxiliariesOf(references.body, primary) : [];
  return {
    ...displayedSize(propertiesOf(primary)),
    orientation: 1,
    hasAlpha: auxiliaries.some((item) => propertiesOf(item).some(isAlpha)),
  };
}

/** What is read of the file for its metadata; the same bytes count each time that they are named. */
function metadataBytes(meta: readonly Box[]): number {
  const [information, locations] = ['iinf', 'iloc'].map((type) => meta.find((box) => box.type === type));
  if (!information || !locations) return 0;
  const types = itemTypes(information.body);
  return extentBytes(locations.body, (item) => metadataTypes.has(types.get(item) ?? ''));
}

function bodyOf(boxes: readonly Box[], type: string): Buffer {
  const box = boxes.find((candidate) => candidate.type === type);
  if (!box) throw new UnreadableHeader(`it has no ${type} box`);
  return box.body;
}

function primaryItem(pitm: Buffer): number {
  const cursor = new Cursor(pitm);
  return cursor.fullBoxHeader().version === 0 ? cursor.take(2) : cursor.take(4);
}

/** The properties of each item, by their places (from 1) in `ipco`. */
function readAssociations(ipma: Buffer): ReadonlyMap<number, readonly number[]> {
  const cursor = new Cursor(ipma);
  const { version, flags } = cursor.fullBoxHeader();
  const hasWideIndexes = (flags & 1) === 1;
  const associations = new Map<number, number[]>();
  for (let entries = cursor.take(4); entries > 0; entries--) {
    const item = cursor.take(version === 0 ? 2 : 4);
    // The highest bit says that the property is essential.
    const indexes = Array.from({ length: cursor.take(1) }, () =>
      hasWideIndexes ? cursor.take(2) & 0x7fff : cursor.take(1) & 0x7f,
    );
    associations.set(item, indexes);
  }
  return associations;
}

/** The items that refer to `item` as what they are auxiliary to. */
function auxiliariesOf(iref: Buffer, item: number): number[] {
  const header = new Cursor(iref);
  const idBytes = header.fullBoxHeader().version === 0 ? 2 : 4;
  const auxiliaries: number[] = [];
  for (const { type, body } of boxesIn(iref.subarray(4))) {
    if (type !== 'auxl') continue;
    const cursor = new Cursor(body);
    const from = cursor.take(idBytes);
    const targets = Array.from({ length: cursor.take(2) }, () => cursor.take(idBytes));
    if (targets.includes(item)) auxiliaries.push(from);
  }
  return auxiliaries;
}

function isAlpha({ type, body }: Box): boolean {
  return type === 'auxC' && alphaTypes.has(body.toString('latin1', 4, 64).split('\0', 1)[0] ?? '');
}

/** The stored size, followed through the transformations in their order. */
function displayedSize(properties: readonly Box[]): { width: number; height: number } {
  const extent = new Cursor(bodyOf(properties, 'ispe'));
  extent.fullBoxHeader();
  let width = extent.take(4);
  let height = extent.take(4);
  for (const { type, body } of properties) {
    const cursor = new Cursor(body);
    if (type === 'clap') {
      width = Math.min(width, Math.round(cursor.take(4) / cursor.take(4)));
      height = Math.min(height, Math.round(cursor.take(4) / cursor.take(4)));
    } else if (type === 'irot' && cursor.take(1) % 2 === 1) {
      [width, height] = [height, width];
    }
  }
  return { width, height };
}
