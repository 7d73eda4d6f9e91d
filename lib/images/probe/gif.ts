import { type ByteReader, UnreadableHeader } from './byte-reader.js';
import type { HeaderReader } from './header.js';

/** Block introducers and the one label that matters (GIF89a, appendix A). */
const imageDescriptor = 0x2c;
const extension = 0x21;
const graphicControl = 0xf9;

/** A screen above this, or one of the sizes below, was the author's monitor: libnsgif then takes the frame's. */
const maxScreenSide = 2048;
const monitorSizes: ReadonlySet<string> = new Set([
  '640×480',
  '640×512',
  '800×600',
  '1024×768',
  '1280×1024',
  '1600×1200',
]);

/** Walks a GIF's blocks to its end: nothing else tells how many frames it has, and whether one is transparent. */
export const readGif: HeaderReader = async (file, tally) => {
  const screen = await file.exactly(0, 13);
  let canvas: Canvas | undefined;
  let hasAlpha = false;
  let isTransparent = false;
  for (let at = 13 + paletteBytes(screen.readUInt8(10)); ; ) {
    const block = await file.upTo(at, 10);
    if (block[0] === extension) {
      if (block[1] === graphicControl) isTransparent = ((block[3] ?? 0) & 1) === 1;
      at = await endOfSubBlocks(file, at + 2);
    } else if (block[0] === imageDescriptor && block.length === 10) {
      canvas ??= canvasOf(screen, block);
      // Behind the palette stands the code size, one byte.
      at = await endOfSubBlocks(file, at + 10 + paletteBytes(block.readUInt8(9)) + 1);
      // A frame that is cut off does not count, but for the first.
      if (at > file.size && tally.pages > 0) break;
      tally.add(canvas.width, canvas.height);
      hasAlpha ||= isTransparent;
      isTransparent = false;
    } else {
      break;
    }
  }
  if (!canvas) throw new UnreadableHeader('it has no frame');
  return { ...canvas, orientation: 1, hasAlpha };
};

interface Canvas {
  readonly width: number;
  readonly height: number;
}

/** The size that libnsgif, and so libvips, gives a GIF: the screen's, grown to hold the first frame. */
function canvasOf(screen: Buffer, firstFrame: Buffer): Canvas {
  const width = screen.readUInt16LE(6);
  const height = screen.readUInt16LE(8);
  const isMonitor =
    width === 0 ||
    height === 0 ||
    Math.max(width, height) > maxScreenSide ||
    monitorSizes.has(`${width}×${height}`);
  return {
    width: Math.max(isMonitor ? 1 : width, firstFrame.readUInt16LE(1) + firstFrame.readUInt16LE(5)),
    height: Math.max(isMonitor ? 1 : height, firstFrame.readUInt16LE(3) + firstFrame.readUInt16LE(7)),
  };
}

/** Bytes of the palette that packed fields announce. */
function paletteBytes(packed: number): number {
  return (packed & 0x80) === 0 ? 0 : 3 * 2 ** ((packed & 7) + 1);
}

/** Where a chain of sub-blocks ends; behind the end of the file when that comes first. */
async function endOfSubBlocks(file: ByteReader, from: number): Promise<number> {
  for (let at = from; ; ) {
    const bytes = await file.upTo(at, 512);
    if (bytes.length === 0) return file.size + 1;
    let i = 0;
    for (let length = bytes[i]; length !== undefined; length = bytes[i]) {
      i += 1 + length;
      if (length === 0) return at + i;
    }
    at += i;
  }
}
