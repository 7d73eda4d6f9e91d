import sharp, { type Sharp } from 'sharp';
import t from 'tap';
import type { RenditionOptions } from '../../lib/renditions/options-schema.js';
import { corners, filesOf, quartersImage, render, taskFor } from './resize-fixtures.js';

const upright = ['red', 'green', 'blue', 'white'];

/** What a camera stores so that an EXIF orientation (TIFF 6.0, tag 274) makes the picture upright. */
async function stored(orientation: number): Promise<Buffer> {
  const picture = await quartersImage(160, 96).png().toBuffer();
  const image = sharp(picture);
  const turned: Record<number, () => Sharp> = {
    1: () => image,
    2: () => image.flop(),
    3: () => image.rotate(180),
    4: () => image.flip(),
    5: () => image.flip().rotate(90),
    6: () => image.rotate(-90),
    7: () => image.flop().rotate(90),
    8: () => image.rotate(90),
  };
  const pixels = await turned[orientation]?.().png().toBuffer();
  return sharp(pixels)
    .withMetadata({ orientation })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

const cases: readonly [string, RenditionOptions, number, number][] = [
  ['as it is', {}, 160, 96],
  ['resized', { width: 40 }, 40, 24],
  ['scaled by the decoder', { width: 10 }, 10, 6],
  ['covering', { width: 40, height: 24 }, 40, 24],
  ['cropped', { crop: { left: 40, top: 24, width: 80, height: 48 }, width: 40 }, 40, 24],
  ['trimmed', { trim: { background: '#123456' } }, 160, 96],
];

for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
  t.test(`EXIF orientation ${orientation}`, async (t) => {
    const file = await stored(orientation);
    t.equal((await sharp(file).metadata()).orientation, orientation, 'the fixture has it');
    for (const [name, options, width, height] of cases) {
      const made = await render(t, file, { ...options, format: 'png' });
      t.match(made, { width, height }, name);
      t.same(await corners(made.path), upright, name);
      t.equal(made.metadata.orientation, undefined, 'the output names none');
    }
    const turned = await render(t, file, { rotate: 90, width: 24, format: 'png' });
    t.match(turned, { width: 24, height: 40 });
    t.same(await corners(turned.path), ['blue', 'red', 'white', 'green'], 'rotate turns the upright picture');
    const flipped = await render(t, file, { flip: true, width: 40, format: 'png' });
    t.same(await corners(flipped.path), ['blue', 'white', 'red', 'green'], 'flip mirrors it');
    const task = await taskFor(t, file, [{ width: 80 }, { width: 40, height: 40, position: 'left' }]);
    const [large, square] = await filesOf(task);
    t.match(
      [large, square],
      [
        { width: 80, height: 48 },
        { width: 40, height: 40 },
      ],
      'several from one decode',
    );
    const [first] = task.renditions;
    if (first) t.same(await corners(first.output), upright);
  });
}
