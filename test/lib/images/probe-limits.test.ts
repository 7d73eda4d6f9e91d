import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { Problem } from '../../../lib/errors.js';
import type { ImageContentType } from '../../../lib/images/media-types.js';
import { type ImageFacts, probeImage } from '../../../lib/images/probe.js';
import * as samples from './samples.js';

const { picture, animation } = samples;

type Probe = (bytes: Uint8Array, contentType: ImageContentType, maxPixels?: number) => Promise<unknown>;

/** Probes files one after the other and returns the facts, or what was thrown. */
function prober(t: Test): Probe {
  const path = join(t.testdir(), 'upload');
  return async (bytes, contentType, maxPixels = 1e9) => {
    await writeFile(path, bytes);
    return probeImage(path, contentType, { maxPixels, maxFrames: 512 }).catch((reason: unknown) => reason);
  };
}

t.test('pixels of all frames count', async (t) => {
  const probe = prober(t);
  const files: readonly [ImageContentType, Buffer][] = [
    ['image/gif', await animation(9).gif().toBuffer()],
    ['image/webp', await animation(9).webp().toBuffer()],
    ['image/tiff', await animation(9).tiff().toBuffer()],
  ];
  for (const [contentType, bytes] of files) {
    t.match(await probe(bytes, contentType, 12 * 10 * 9), { pages: 9 }, `${contentType} at the limit`);
    t.match(
      await probe(bytes, contentType, 12 * 10 * 5 + 1),
      { code: 'INPUT_TOO_MANY_PIXELS', status: 422, message: /12×10×6 .*601/ },
      `${contentType}: stops at the frame that is too much`,
    );
  }
  const one = await picture().jpeg().toBuffer();
  t.match(await probe(one, 'image/jpeg', 31 * 17), { width: 31 });
  t.match(await probe(one, 'image/jpeg', 31 * 17 - 1), {
    code: 'INPUT_TOO_MANY_PIXELS',
    message: /31×17 pixels.*526/,
  });
});

t.test('a header of enormous size is too many pixels', async (t) => {
  const probe = prober(t);
  const png = await picture().png().toBuffer();
  png.writeUInt32BE(0x7fffffff, 16);
  png.writeUInt32BE(0x7fffffff, 20);
  t.match(await probe(png, 'image/png'), { code: 'INPUT_TOO_MANY_PIXELS' });
  const gif = samples.gif(1, 1, [{ width: 65_535, height: 65_535 }]);
  t.match(await probe(gif, 'image/gif'), { code: 'INPUT_TOO_MANY_PIXELS' });
});

t.test('a picture without width or height is not readable', async (t) => {
  const probe = prober(t);
  const png = await picture().png().toBuffer();
  const jpeg = await picture().jpeg().toBuffer();
  const webp = await picture().webp().toBuffer();
  const avif = await picture().avif({ effort: 0 }).toBuffer();
  const files: readonly [ImageContentType, Buffer][] = [
    ['image/png', png.fill(0, 16, 20)],
    ['image/jpeg', jpeg.fill(0, jpeg.indexOf('ffc0', 'hex') + 5, jpeg.indexOf('ffc0', 'hex') + 7)],
    ['image/webp', webp.fill(0, 26, 28)],
    ['image/avif', avif.fill(0, avif.indexOf('ispe') + 12, avif.indexOf('ispe') + 16)],
    ['image/tiff', samples.tiff({ width: 0 })],
  ];
  for (const [contentType, bytes] of files) {
    t.match(await probe(bytes, contentType), { code: 'MEDIA_TYPE_UNSUPPORTED' }, contentType);
  }
});

t.test('a file with nothing behind its magic is not readable', async (t) => {
  const probe = prober(t);
  const files: readonly [ImageContentType, Buffer, string][] = [
    ['image/jpeg', Buffer.from('ffd8ffe0', 'hex'), 'JPEG'],
    ['image/png', Buffer.from('89504e470d0a1a0a', 'hex'), 'PNG'],
    ['image/webp', Buffer.from('RIFF\0\0\0\0WEBP', 'latin1'), 'WebP'],
    ['image/gif', Buffer.from('GIF89a'), 'GIF'],
    ['image/avif', Buffer.from('\0\0\0\x10ftypavif\0\0\0\0', 'latin1'), 'AVIF'],
    ['image/tiff', Buffer.from('II*\0\x08\0\0\0', 'latin1'), 'TIFF'],
  ];
  for (const [contentType, magic, name] of files) {
    const message = new RegExp(`not a readable ${name}: `);
    const refused = { code: 'MEDIA_TYPE_UNSUPPORTED', status: 415, message };
    t.match(await probe(magic, contentType), refused, contentType);
    t.match(
      await probe(Buffer.concat([magic, samples.noise(300)]), contentType),
      refused,
      `${name} and noise`,
    );
  }
});

t.test('a TIFF directory may have as many entries as libtiff takes', async (t) => {
  const probe = prober(t);
  const bytes = Buffer.concat([samples.tiff(), Buffer.alloc(100_000)]);
  const directory = bytes.readUInt32LE(4);
  bytes.writeUInt16LE(4096, directory);
  t.match(await probe(bytes, 'image/tiff'), { width: 31 });
  bytes.writeUInt16LE(4097, directory);
  t.match(await probe(bytes, 'image/tiff'), { code: 'MEDIA_TYPE_UNSUPPORTED' });
  await t.rejects(sharp(bytes).metadata());
});

t.test('missing pixels are no matter of the header', async (t) => {
  const probe = prober(t);
  const jpeg = await picture().jpeg().toBuffer();
  t.match(await probe(jpeg.subarray(0, jpeg.indexOf('ffda', 'hex')), 'image/jpeg'), {
    width: 31,
    height: 17,
  });
  const webp = await animation(9).webp().toBuffer();
  t.match(await probe(webp.subarray(0, webp.length / 2), 'image/webp'), { width: 12, height: 10 });
  const gif = samples.gif(3, 2, [{ width: 3, height: 2 }]);
  t.match(
    await probe(gif.subarray(0, -4), 'image/gif'),
    { width: 3, height: 2, pages: 1 },
    'no frame is whole',
  );
});

t.test('damaged files end in facts or a problem', async (t) => {
  const probe = prober(t);
  const files: readonly [ImageContentType, Buffer][] = [
    ['image/jpeg', samples.insertSegments(await picture().jpeg().toBuffer(), samples.exifSegment(6))],
    ['image/png', samples.insertChunk(await picture().png().toBuffer(), 'eXIf', samples.exif(6))],
    ['image/webp', await animation(5).withMetadata({ orientation: 6 }).webp().toBuffer()],
    ['image/webp', await picture({ channels: 4 }).webp({ lossless: true }).toBuffer()],
    ['image/gif', await animation(5).gif().toBuffer()],
    ['image/avif', await picture({ channels: 4 }).avif({ effort: 0 }).toBuffer()],
    ['image/tiff', samples.tiff({ pages: 5 })],
    ['image/tiff', samples.tiff({ pages: 5, isBig: true, isBigEndian: true })],
  ];
  const random = randomNumbers();
  for (const [contentType, bytes] of files) {
    let good = 0;
    for (let round = 0; round < 300; round++) {
      const outcome = await probe(damage(bytes, random), contentType);
      if (isSound(outcome)) good += 1;
      else t.fail(`${contentType}, round ${round}`, { outcome });
    }
    t.equal(good, 300, contentType);
  }
});

function isSound(outcome: unknown): boolean {
  if (outcome instanceof Problem)
    return outcome.code === 'MEDIA_TYPE_UNSUPPORTED' || outcome.code.startsWith('INPUT_');
  if (outcome instanceof Error) return false;
  const { width, height, pages, orientation } = outcome as ImageFacts;
  return [width, height, pages, orientation].every((value) => Number.isSafeInteger(value) && value >= 1);
}

/** Numbers from 0 to 2³² − 1, the same ones each run. */
function randomNumbers(): () => number {
  let bytes = samples.noise(0);
  let at = 0;
  let blocks = 0;
  return () => {
    if (at + 4 > bytes.length) {
      bytes = samples.noise(65_536, `block ${blocks++}`);
      at = 0;
    }
    at += 4;
    return bytes.readUInt32LE(at - 4);
  };
}

/** Overwrites a few bytes, most of them near the front or the end, and sometimes cuts the file. */
function damage(original: Buffer, random: () => number): Buffer {
  const bytes = Buffer.from(original);
  const extremes = [0, 1, 0x7f, 0x80, 0xff];
  for (let changes = random() % 8; changes >= 0; changes--) {
    const reach = random() % 3 === 0 ? bytes.length : Math.min(bytes.length, 300);
    const offset = random() % reach;
    const at = random() % 4 === 0 ? bytes.length - 1 - offset : offset;
    bytes[at] = random() % 2 === 0 ? (extremes[random() % extremes.length] ?? 0) : random() % 256;
  }
  return random() % 4 === 0 ? bytes.subarray(0, random() % bytes.length) : bytes;
}
