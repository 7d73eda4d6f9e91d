import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { animation, insertChunk, picture, tiff } from '../lib/images/samples.js';
import * as heic from './heic.js';

/** A sound file to begin with. */
export interface Fixture {
  readonly name: string;
  readonly bytes: Buffer;
}

/** A small sound file of each format, and of each way in which a format differs. */
export async function fixtures(): Promise<Fixture[]> {
  const withMetadata = () =>
    picture()
      .withExif({ IFD0: { Make: 'Halftone', Orientation: '6' }, IFD3: { GPSLatitudeRef: 'N' } })
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
      .withIccProfile('p3');
  const text = Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), deflateSync(Buffer.alloc(2000, 'a'))]);
  const rgba = { channels: 4 } as const;
  const files: Readonly<Record<string, Buffer>> = {
    jpeg: await picture().jpeg().toBuffer(),
    'jpeg, progressive, with metadata': await withMetadata().jpeg({ progressive: true }).toBuffer(),
    'jpeg, CMYK': withoutProfile(await picture().toColourspace('cmyk').jpeg().toBuffer()),
    png: await picture(rgba).png().toBuffer(),
    'png, palette, with metadata': insertChunk(
      await withMetadata().png({ palette: true, progressive: true }).toBuffer(),
      'zTXt',
      text,
    ),
    webp: await picture(rgba).webp().toBuffer(),
    'webp, lossless, with metadata': await withMetadata().webp({ lossless: true }).toBuffer(),
    'webp, animated': await animation(4, 4).webp().toBuffer(),
    gif: await animation(4).gif().toBuffer(),
    avif: await picture({ width: 64, height: 48, channels: 4 }).avif({ effort: 0 }).toBuffer(),
    tiff: await picture(rgba).tiff({ compression: 'lzw', predictor: 'horizontal' }).toBuffer(),
    'tiff, JPEG within': await withMetadata().tiff({ compression: 'jpeg' }).toBuffer(),
    'tiff, tiles, pages': await animation(3)
      .tiff({ tile: true, tileWidth: 16, tileHeight: 16, compression: 'deflate' })
      .toBuffer(),
    'tiff, big': tiff({ pages: 3, isBig: true, isBigEndian: true, hasAlpha: true }),
    heic: heic.heicAlpha(),
    'heic, grid': heic.heicGrid(2, 2, { properties: [heic.turned(1), heic.nclx(12)] }),
  };
  return Object.entries(files).map(([name, bytes]) => ({ name, bytes }));
}

/** Half a megabyte of a press's profile, in which nearly all damage would do nothing. */
function withoutProfile(jpeg: Buffer): Buffer {
  const kept = [jpeg.subarray(0, 2)];
  let at = 2;
  while (jpeg[at + 1] !== 0xda) {
    const end = at + 2 + jpeg.readUInt16BE(at + 2);
    if (jpeg[at + 1] !== 0xe2) kept.push(jpeg.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...kept, jpeg.subarray(at)]);
}

/** Whether sharp can make all of them here: a fixture that is broken proves nothing. */
export async function isWhole({ name, bytes }: Fixture): Promise<boolean> {
  if (name.startsWith('heic')) return true;
  return sharp(bytes)
    .stats()
    .then(
      () => true,
      () => false,
    );
}
