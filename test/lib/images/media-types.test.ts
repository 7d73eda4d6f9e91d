import sharp from 'sharp';
import t from 'tap';
import { Problem } from '../../../lib/errors.js';
import { acceptedContentTypes, extensionFor, sniffContentType } from '../../../lib/images/media-types.js';
import { heicQuarters } from '../../hostile/heic.js';
import * as samples from './samples.js';

const { picture } = samples;

t.test('a file is what its bytes say', async (t) => {
  const png = await picture().png().toBuffer();
  const heic = heicQuarters();
  const avif = await picture().avif({ effort: 0 }).toBuffer();
  const files = {
    'image/jpeg': [await picture().jpeg().toBuffer()],
    'image/png': [png, samples.insertChunk(png, 'acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))],
    'image/webp': [await picture().webp().toBuffer(), await samples.animation(2).webp().toBuffer()],
    'image/gif': [await picture().gif().toBuffer()],
    'image/avif': [avif, branded(avif, 'avis', 'mif1'), branded(avif, 'mif1', 'avif')],
    'image/heic': [heic, branded(avif, 'mif1', 'heic'), branded(avif, 'hevc', 'msf1')],
    'image/tiff': [
      samples.tiff(),
      samples.tiff({ isBigEndian: true }),
      samples.tiff({ isBig: true }),
      await picture({ width: 200, height: 200 }).tiff({ compression: 'none' }).toBuffer(),
      samples.tiff({ width: 200, height: 200, isBigEndian: true }),
    ],
  };
  for (const contentType of acceptedContentTypes) {
    for (const [i, file] of files[contentType].entries()) {
      t.equal(await sniffContentType(file.subarray(0, 4100)), contentType, `${contentType} ${i}`);
    }
  }
});

/** Names other brands in an AVIF: the major one, and the first of the compatible ones. */
function branded(avif: Buffer, major: string, compatible: string): Buffer {
  const file = Buffer.from(avif);
  const brandsEnd = file.readUInt32BE(0);
  file.write(major.concat('\0\0\0\0', compatible).padEnd(brandsEnd - 8, 'miaf'), 8, 'latin1');
  return file;
}

t.test('everything else is refused', async (t) => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>';
  const avif = await picture().avif({ effort: 0 }).toBuffer();
  const files: Readonly<Record<string, { bytes: Uint8Array; says: RegExp }>> = {
    SVG: { bytes: Buffer.from(svg), says: /of no type known/ },
    'SVG with a prologue': { bytes: Buffer.from(`<?xml version="1.0"?>${svg}`), says: /application\/xml/ },
    PDF: { bytes: Buffer.from('%PDF-1.7\n%\xe2\xe3\n1 0 obj\n', 'latin1'), says: /application\/pdf/ },
    PostScript: { bytes: Buffer.from('%!PS-Adobe-3.0\n%%BoundingBox: 0 0 1 1\n'), says: /postscript/ },
    MVG: {
      bytes: Buffer.from("push graphic-context\nviewbox 0 0 1 1\nimage over 0,0 0,0 'x'\n"),
      says: /no type/,
    },
    HTML: { bytes: Buffer.from('<!doctype html><script>alert(1)</script>'), says: /no type/ },
    'HEIF that says nothing of its coding': { bytes: branded(avif, 'mif1', 'miaf'), says: /image\/heif/ },
    'HEIF of another coding': { bytes: branded(avif, 'mif1', 'jpeg'), says: /image\/heif/ },
    BMP: { bytes: Buffer.from(`BM${'\0'.repeat(60)}`), says: /image\/bmp/ },
    'JPEG XL': { bytes: Buffer.from([0xff, 0x0a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), says: /image\/jxl/ },
    JPEG_LS: { bytes: Buffer.from([0xff, 0xd8, 0xff, 0xf7, 0, 11, 8, 0, 1, 0, 1, 1]), says: /image\/jls/ },
    nothing: { bytes: new Uint8Array(), says: /no type/ },
    'one byte': { bytes: new Uint8Array([0xff]), says: /no type/ },
    noise: { bytes: Buffer.concat([Buffer.from('zz'), samples.noise(5000)]), says: /must be/ },
  };
  for (const [name, { bytes, says }] of Object.entries(files)) {
    const error: unknown = await sniffContentType(bytes).catch((reason: unknown) => reason);
    t.match(error, { code: 'MEDIA_TYPE_UNSUPPORTED', status: 415, message: says }, name);
    t.match(error, { message: 'JPEG, PNG, WebP, GIF, AVIF, TIFF, and HEIC' }, `${name}: says what is taken`);
    t.match(error, { headers: { Accept: /^image\/jpeg, / } }, `${name}: says it to programs too`);
  }
});

t.test('a head cut anywhere is a type or a problem', async (t) => {
  const files = [
    await picture().png().toBuffer(),
    await picture().avif({ effort: 0 }).toBuffer(),
    samples.tiff(),
  ];
  for (const file of files) {
    for (let length = 0; length < 64; length++) {
      const outcome: unknown = await sniffContentType(file.subarray(0, length)).catch(
        (reason: unknown) => reason,
      );
      if (typeof outcome !== 'string') t.type(outcome, Problem, `${length} bytes`);
    }
  }
});

t.test('an extension is one that decoders know', async (t) => {
  for (const contentType of acceptedContentTypes) {
    // libvips does not read it.
    if (contentType === 'image/heic') continue;
    const suffixes = Object.values(sharp.format).flatMap(({ input }) => input.fileSuffix ?? []);
    t.ok(suffixes.includes(`.${extensionFor(contentType)}`), contentType);
  }
});
