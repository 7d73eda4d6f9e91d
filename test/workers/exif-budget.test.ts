import sharp from 'sharp';
import t from 'tap';
import { isReadableExif } from '../../workers/render/exif-budget.js';

/** A block whose one directory holds `count` entries of `values` bytes each, all at the same place. */
function blockOf(count: number, values: number): Buffer {
  const block = Buffer.alloc(8 + 2 + 12 * count + 4 + 1024);
  block.write('II*\0', 'latin1');
  block.writeUInt32LE(8, 4);
  block.writeUInt16LE(count, 8);
  for (let entry = 0; entry < count; entry++) {
    const at = 10 + 12 * entry;
    block.writeUInt16LE(0x010e + entry, at);
    block.writeUInt16LE(1, at + 2);
    block.writeUInt32LE(values, at + 4);
    block.writeUInt32LE(10 + 12 * count + 4, at + 8);
  }
  return block;
}

t.test('what a camera writes is readable', async (t) => {
  const exif = { IFD0: { Make: 'Halftone Works', Copyright: 'A. Person' }, IFD2: { FNumber: '28/10' } };
  const photo = sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } });
  const { exif: block } = await sharp(await photo.withExif(exif).jpeg().toBuffer()).metadata();
  t.ok(block && isReadableExif(block));
  t.ok(isReadableExif(blockOf(3, 100)));
});

t.test('what would keep a reader busy is not', async (t) => {
  t.notOk(isReadableExif(blockOf(1, 2 ** 32 - 1)), 'a value longer than the block');
  t.notOk(isReadableExif(blockOf(500, 1000)), 'values that overlap');
  t.notOk(isReadableExif(blockOf(3_000, 1)), 'thousands of entries');
  const endless = blockOf(1, 1);
  endless.writeUInt32LE(8, 10 + 12);
  t.notOk(isReadableExif(endless), 'a directory that follows itself');
});

t.test('what ends too early is not', async (t) => {
  t.notOk(isReadableExif(Buffer.alloc(0)));
  t.notOk(isReadableExif(Buffer.from('II*\0\xff\xff\xff\xff', 'latin1')));
});
