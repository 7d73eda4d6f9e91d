import { readFile } from 'node:fs/promises';
import readExif from 'exif-reader';
import sharp from 'sharp';
import t from 'tap';
import { filesOf, quartersImage, render, taskFor } from './resize-fixtures.js';

const exif = {
  IFD0: {
    Make: 'Halftone Works',
    // libvips drops the last bracket of what it is given.
    Copyright: 'A. Person (all rights) ()',
    DateTime: '2024:01:02 03:04:05',
    Orientation: '6',
  },
  IFD2: {
    ExposureTime: '1/8000',
    FNumber: '28/10',
    ISOSpeedRatings: '400',
    ExposureBiasValue: '-1/3',
    DateTimeOriginal: '2024:01:02 03:04:05',
    LensModel: 'Fixture 50mm',
  },
  IFD3: {
    GPSLatitudeRef: 'N',
    GPSLatitude: '51/1 30/1 3230/100',
    GPSLongitudeRef: 'W',
    GPSMapDatum: 'SECRET-DATUM',
  },
};
const xmp = (inner: string): string =>
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" ${inner}/></rdf:RDF></x:xmpmeta>`;

/** A photo with everything a camera writes. */
function photo(xmpText: string): Promise<Buffer> {
  return quartersImage(60, 40)
    .withExif(exif)
    .withMetadata({ orientation: 6 })
    .withXmp(xmpText)
    .jpeg()
    .toBuffer();
}

const harmless = xmp('dc:format="image/jpeg" tiff:Orientation="6"');
const placed = xmp('exif:GPSLatitude="51,30.5N" dc:format="image/jpeg"');
const formats = ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const;

t.test('metadata is dropped unless asked for', async (t) => {
  const file = await photo(harmless);
  t.equal((await sharp(file).metadata()).orientation, 6, 'the fixture is turned');
  t.ok((await sharp(file).metadata()).exif?.includes('SECRET-DATUM'), 'and knows its place');
  for (const format of formats) {
    const { metadata } = await render(t, file, { width: 20, format });
    t.match(metadata, { exif: undefined, xmp: undefined, icc: undefined, iptc: undefined }, format);
    t.equal(metadata.orientation ?? 1, 1, format);
  }
});

t.test('keepMetadata keeps what was taken, and how', async (t) => {
  const file = await photo(harmless);
  for (const format of ['jpeg', 'png', 'webp', 'avif'] as const) {
    const { metadata } = await render(t, file, { width: 20, format, keepMetadata: true });
    const kept = readExif(metadata.exif ?? Buffer.alloc(0));
    t.match(
      kept.Image,
      { Make: 'Halftone Works', Copyright: 'A. Person (all rights)', Orientation: 1 },
      format,
    );
    t.equal(kept.Image?.DateTime?.toISOString(), '2024-01-02T03:04:05.000Z');
    t.match(kept.Photo, {
      ExposureTime: 1 / 8000,
      FNumber: 2.8,
      ISOSpeedRatings: 400,
      LensModel: 'Fixture 50mm',
    });
    t.match(kept.Photo, { PixelXDimension: 20, PixelYDimension: 30 }, 'sizes are the rendition’s');
    t.equal(kept.Photo?.DateTimeOriginal?.toISOString(), '2024-01-02T03:04:05.000Z');
    t.match(metadata.xmpAsString, /dc:format="image\/jpeg"/);
    t.match(metadata.xmpAsString, /tiff:Orientation="1"/, 'nobody turns it again');
  }
});

t.test('no output ever tells the place', async (t) => {
  const locations = [
    placed,
    xmp('Iptc4xmpExt:LocationCreated="x" photoshop:City="Paris"'),
    xmp('photoshop:City="Paris"'),
    `${Buffer.from(placed, 'utf16le').toString('latin1')}`,
  ];
  for (const text of locations) {
    const file = await photo(text);
    for (const keepMetadata of [true, false]) {
      const task = await taskFor(t, file, [
        ...formats.map((format) => ({ width: 20, format, keepMetadata })),
        { crop: { left: 0, top: 0, width: 30, height: 20 }, rotate: 20, keepMetadata },
      ]);
      await filesOf(task);
      for (const { output, options } of task.renditions) {
        const bytes = await readFile(output);
        const header = await sharp(bytes).metadata();
        const label = `${options.format}, keepMetadata ${keepMetadata}`;
        if (header.exif) t.equal(readExif(header.exif).GPSInfo, undefined, label);
        t.notMatch(header.xmpAsString ?? '', /GPS|Location|Paris/, label);
        const raw = bytes.toString('latin1').replaceAll('\0', '');
        t.notMatch(raw, /SECRET-DATUM|GPSLatitude|Paris/, label);
      }
    }
  }
});

t.test('one rendition alone tells no place either', async (t) => {
  const file = await photo(placed);
  for (const format of formats) {
    const { path } = await render(t, file, { width: 20, format, keepMetadata: true });
    t.notMatch((await readFile(path)).toString('latin1'), /SECRET-DATUM|GPSLatitude/, format);
  }
});

t.test('broken EXIF is no reason to fail', async (t) => {
  const whole = await photo(harmless);
  const at = whole.indexOf('Exif\0\0') + 6;
  const broken = Buffer.from(whole);
  broken.fill(0xff, at, at + 20);
  const { metadata } = await render(t, broken, { width: 20, keepMetadata: true });
  t.equal(metadata.format, 'jpeg');
});
