import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { sniffContentType } from '../../../lib/images/media-types.js';
import { type ImageFacts, probeImage } from '../../../lib/images/probe.js';
import * as samples from './samples.js';

const { picture, animation } = samples;
const maxPixels = 268_402_689;

/** Probes `bytes` as an upload would. */
async function probe(t: Test, bytes: Uint8Array): Promise<ImageFacts> {
  const path = join(t.testdir(), 'upload');
  await writeFile(path, bytes);
  return probeImage(path, await sniffContentType(bytes.subarray(0, 4100)), { maxPixels, maxFrames: 512 });
}

/** What libvips says of the same bytes, in the words of a probe. */
async function decode(bytes: Uint8Array): Promise<object> {
  const { width, height, pages = 1, orientation = 1, hasAlpha } = await sharp(bytes).metadata();
  return { width, height, pages, orientation, hasAlpha };
}

type Cases = Readonly<Record<string, Uint8Array | Promise<Uint8Array>>>;

/** Each case must be what the decoder says. */
async function agrees(t: Test, cases: Cases): Promise<void> {
  for (const [name, sample] of Object.entries(cases)) {
    await t.test(name, async (t) => {
      const bytes = await sample;
      const { contentType: _, ...facts } = await probe(t, bytes);
      t.strictSame(facts, await decode(bytes));
    });
  }
}

t.test('JPEG', async (t) => {
  const plain = await picture().jpeg().toBuffer();
  const empty = samples.segment(0xfe, Buffer.alloc(0));
  const thumbnail = await picture({ width: 5, height: 4 }).jpeg().toBuffer();
  const bulk = Array.from({ length: 4 }, (_, i) => samples.segment(0xe2, samples.noise(60_000, `${i}`)));
  const behindFrame = Buffer.concat([
    plain.subarray(0, plain.indexOf(Buffer.from([0xff, 0xda]))),
    samples.exifSegment(8),
    plain.subarray(plain.indexOf(Buffer.from([0xff, 0xda]))),
  ]);
  await agrees(t, {
    plain,
    progressive: picture().jpeg({ progressive: true }).toBuffer(),
    grey: picture({ channels: 1 }).jpeg().toBuffer(),
    cmyk: picture().toColourspace('cmyk').jpeg().toBuffer(),
    'with 240 KB of profile before the frame': samples.insertSegments(plain, ...bulk),
    'with a thumbnail before the frame': samples.insertSegments(
      plain,
      samples.segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), samples.exif(6), thumbnail])),
    ),
    'with a thumbnail and 240 KB': samples.insertSegments(plain, samples.segment(0xe0, thumbnail), ...bulk),
    'with fill bytes before a marker': samples.insertSegments(plain, Buffer.from([0xff, 0xff, 0xff])),
    'with garbage before a marker': samples.insertSegments(
      plain,
      samples.exifSegment(1),
      Buffer.alloc(700, 7),
    ),
    'with a marker across a read': samples.insertSegments(
      plain,
      empty,
      Buffer.alloc(255, 7),
      samples.exifSegment(6),
    ),
    'with two Exif segments': samples.insertSegments(plain, samples.exifSegment(3), samples.exifSegment(5)),
    'with Exif behind the frame header': behindFrame,
  });
  await t.test('every orientation', async (t) => {
    await agrees(
      t,
      Object.fromEntries(
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((value) => [
          `orientation ${value}`,
          samples.insertSegments(plain, samples.exifSegment(value)),
        ]),
      ),
    );
  });
});

t.test('PNG', async (t) => {
  const grey = await picture({ channels: 1 }).toColourspace('b-w').png().toBuffer();
  const rgb = await picture().png().toBuffer();
  await agrees(t, {
    grey,
    rgb,
    'grey and alpha': picture({ channels: 2 }).png().toBuffer(),
    rgba: picture({ channels: 4 }).png().toBuffer(),
    '16 bit': picture().toColourspace('rgb16').png().toBuffer(),
    palette: picture().png({ palette: true }).toBuffer(),
    'palette with alpha': picture({ channels: 4 }).png({ palette: true }).toBuffer(),
    'grey with a transparent value': samples.insertChunk(grey, 'tRNS', Buffer.from([0, 7])),
    'rgb with a transparent colour': samples.insertChunk(rgb, 'tRNS', Buffer.from([0, 7, 0, 7, 0, 7])),
    'turned by eXIf': samples.insertChunk(rgb, 'eXIf', samples.exif(6)),
    'turned by sharp': picture().withMetadata({ orientation: 3 }).png().toBuffer(),
    'with 200 KB before the transparent value': samples.insertChunk(
      samples.insertChunk(grey, 'tRNS', Buffer.from([0, 7])),
      'prIv',
      samples.noise(200_000),
    ),
    'with transparency behind the pixels': samples.insertChunk(rgb, 'tRNS', Buffer.alloc(6), rgb.length - 12),
    animated: samples.insertChunk(rgb, 'acTL', Buffer.from([0, 0, 0, 9, 0, 0, 0, 0])),
  });
});

t.test('WebP', async (t) => {
  const scaled = await picture().webp().toBuffer();
  scaled.writeUInt16LE(scaled.readUInt16LE(26) | 0x4000, 26);
  const turned = await picture().withMetadata({ orientation: 6 }).webp().toBuffer();
  const odd = Buffer.from('nope\x03\0\0\0abc\0', 'latin1');
  const padded = Buffer.concat([turned.subarray(0, 30), odd, turned.subarray(30)]);
  padded.writeUInt32LE(padded.length - 8, 4);
  await agrees(t, {
    lossy: picture().webp().toBuffer(),
    'lossy with alpha': picture({ channels: 4 }).webp().toBuffer(),
    lossless: picture().webp({ lossless: true }).toBuffer(),
    'lossless with alpha': picture({ channels: 4 }).webp({ lossless: true }).toBuffer(),
    'larger than 8 bits of size': picture({ width: 700, height: 300 }).webp({ lossless: true }).toBuffer(),
    'extended, turned': picture().withMetadata({ orientation: 6 }).webp().toBuffer(),
    'extended, with a chunk of odd length': padded,
    'with a scale in its size': scaled,
    'with bytes behind its end': Buffer.concat([
      await animation(2).webp().toBuffer(),
      Buffer.from('ANMF\0\0\0\0'),
    ]),
    'extended, with alpha': picture({ channels: 4 }).withMetadata({ orientation: 8 }).webp().toBuffer(),
    'extended, lossless': picture({ channels: 4 }).withMetadata().webp({ lossless: true }).toBuffer(),
    '2 frames': animation(2).webp().toBuffer(),
    '2 frames, turned': animation(2).withMetadata({ orientation: 5 }).webp().toBuffer(),
    '100 frames with alpha': animation(100, 4).webp().toBuffer(),
  });
});

t.test('GIF', async (t) => {
  const frame = { width: 3, height: 2 };
  await agrees(t, {
    '1 frame': picture().gif().toBuffer(),
    '2 frames': animation(2).gif().toBuffer(),
    '100 frames': animation(100, 4).gif().toBuffer(),
    'with local palettes': animation(9).gif({ reuse: false, interPaletteMaxError: 0 }).toBuffer(),
    opaque: samples.gif(3, 2, [frame]),
    'opaque, then transparent': samples.gif(3, 2, [frame, { ...frame, isTransparent: true }]),
    'frames with palettes': samples.gif(3, 2, [frame, { ...frame, hasPalette: true }, frame]),
    'first frame larger than the screen': samples.gif(10, 10, [{ ...frame, left: 9, top: 30 }]),
    'second frame larger than the screen': samples.gif(10, 10, [frame, { ...frame, left: 50 }]),
    'screen of a monitor': samples.gif(640, 480, [frame]),
    'screen of nothing': samples.gif(0, 5, [frame]),
    'screen too large': samples.gif(3000, 1, [frame]),
    'cut in the second frame': samples.gif(3, 2, [frame, { ...frame, isTransparent: true }]).subarray(0, -4),
    'without its end': samples.gif(3, 2, [frame, frame]).subarray(0, -1),
  });
});

t.test('AVIF', async (t) => {
  const options = { effort: 0 };
  const cropped = await picture({ channels: 4 }).withIccProfile('p3').avif(options).toBuffer();
  cropIn(cropped, 20, 11);
  const open = await picture().avif(options).toBuffer();
  open.writeUInt32BE(0, open.indexOf('meta') - 4);
  const plain = await picture().avif(options).toBuffer();
  const free = Buffer.from('\0\0\0\x01free\0\0\0\0\0\0\0\x14abcd', 'latin1');
  const spaced = Buffer.concat([
    plain.subarray(0, plain.readUInt32BE(0)),
    free,
    plain.subarray(plain.readUInt32BE(0)),
  ]);
  await agrees(t, {
    plain,
    'with its last box open to the end': open,
    'with a box of 64-bit size': spaced,
    'with alpha': picture({ channels: 4 }).avif(options).toBuffer(),
    'with a profile': picture({ channels: 4 }).withIccProfile('p3').avif(options).toBuffer(),
    cropped,
    ...Object.fromEntries(
      [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => [
        `orientation ${orientation}`,
        picture({ channels: 4 }).withMetadata({ orientation }).avif(options).toBuffer(),
      ]),
    ),
  });
});

/** Turns the colour profile into a clean aperture (ISO/IEC 14496-12, 12.1.4) around the centre. */
function cropIn(avif: Buffer, width: number, height: number): void {
  const at = avif.indexOf('colr');
  avif.write('clap', at);
  for (const [i, value] of [width, 1, height, 1, 0, 1, 0, 1].entries())
    avif.writeUInt32BE(value, at + 4 + i * 4);
}

t.test('TIFF', async (t) => {
  const lossless = { compression: 'lzw' } as const;
  const floats = picture({ channels: 4 }).toColourspace('scrgb');
  await agrees(t, {
    rgb: picture().tiff(lossless).toBuffer(),
    rgba: picture({ channels: 4 }).tiff(lossless).toBuffer(),
    grey: picture({ channels: 1 }).toColourspace('b-w').tiff(lossless).toBuffer(),
    'grey and alpha': picture({ channels: 2 }).toColourspace('b-w').tiff(lossless).toBuffer(),
    bilevel: picture({ channels: 1 })
      .toColourspace('b-w')
      .tiff({ compression: 'none', bitdepth: 1 })
      .toBuffer(),
    cmyk: picture().toColourspace('cmyk').tiff(lossless).toBuffer(),
    'cmyk and alpha': picture({ channels: 4 }).toColourspace('cmyk').tiff(lossless).toBuffer(),
    lab: picture().toColourspace('lab').tiff(lossless).toBuffer(),
    'lab and alpha': picture({ channels: 4 }).toColourspace('lab').tiff(lossless).toBuffer(),
    '16 bit': picture({ channels: 4 }).toColourspace('rgb16').tiff(lossless).toBuffer(),
    float: floats.tiff(lossless).toBuffer(),
    'JPEG in TIFF': picture().tiff({ compression: 'jpeg' }).toBuffer(),
    turned: picture().withMetadata({ orientation: 7 }).tiff(lossless).toBuffer(),
    BigTIFF: picture({ channels: 4 })
      .tiff({ ...lossless, bigtiff: true })
      .toBuffer(),
    'its directory behind 700 KB': picture({ width: 600, height: 400 })
      .tiff({ compression: 'none' })
      .toBuffer(),
    pyramid: picture({ width: 600, height: 400 })
      .tiff({ ...lossless, tile: true, pyramid: true })
      .toBuffer(),
    '5 pages': animation(5).tiff(lossless).toBuffer(),
    'big-endian': samples.tiff({ isBigEndian: true, orientation: 6 }),
    'big-endian BigTIFF with 3 pages': samples.tiff({
      isBigEndian: true,
      isBig: true,
      pages: 3,
      hasAlpha: true,
    }),
    '300 pages': samples.tiff({ pages: 300, hasAlpha: true }),
    'a chain that bites its tail': samples.tiff({ pages: 3, isCyclic: true }),
    'no such orientation': samples.tiff({ orientation: 9 }),
  });
});
