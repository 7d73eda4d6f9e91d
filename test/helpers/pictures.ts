import { randomBytes, randomInt } from 'node:crypto';
import sharp, { type Sharp } from 'sharp';

/** Noise of a size in pixels: compresses badly, and no two are the same. */
export function noise(width: number, height: number): Sharp {
  return sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } });
}

/** One colour, of 16 million: a large picture in a small file. */
export function plain(width: number, height: number): Sharp {
  const [r, g, b] = [randomInt(256), randomInt(256), randomInt(256)];
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

/** A small picture that no other test has. */
export function picture(): Promise<Buffer> {
  return noise(64, 48).png().toBuffer();
}

/** An animated GIF of pictures of one size. */
export function animation(frames: Buffer[]): Promise<Buffer> {
  return sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
}

/** Noise as a PNG that is not compressed: large, and quickly made. */
export function bitmap(width: number, height: number): Promise<Buffer> {
  return noise(width, height).png({ compressionLevel: 0 }).toBuffer();
}
