import sharp from 'sharp';
import t from 'tap';
import { animation, corners, near, noiseImage, pixelAt, quartersImage, render } from './resize-fixtures.js';

const upright = ['red', 'green', 'blue', 'white'];

t.test('alpha is kept where the format has it, and laid on the background in JPEG', async (t) => {
  const clear = {
    create: { width: 40, height: 20, channels: 4 as const, background: 'rgba(255, 0, 0, 0.5)' },
  };
  const file = await sharp(clear).png().toBuffer();
  for (const format of ['png', 'webp', 'avif', 'tiff'] as const) {
    const { path, metadata } = await render(t, file, { width: 20, format });
    t.equal(metadata.hasAlpha, true, format);
    t.ok(near(await pixelAt(path, 5, 5), [255, 0, 0, 128]), format);
  }
  const white = await render(t, file, { width: 20, format: 'jpeg' });
  t.ok(near(await pixelAt(white.path, 5, 5), [255, 128, 128]));
  const blue = await render(t, file, { width: 20, format: 'jpeg', background: 'rgb(0, 0, 255)' });
  t.ok(near(await pixelAt(blue.path, 5, 5), [128, 0, 128]));
  const boxed = await render(t, file, {
    width: 20,
    height: 20,
    fit: 'contain',
    format: 'jpeg',
    background: '#0000ff80',
  });
  t.ok(near(await pixelAt(boxed.path, 10, 2), [128, 128, 255]), 'a see-through background lies on white');
});

t.test('CMYK comes out as sRGB', async (t) => {
  const file = await quartersImage(64, 64).toColourspace('cmyk').jpeg({ quality: 95 }).toBuffer();
  t.equal((await sharp(file).metadata()).space, 'cmyk', 'the fixture is CMYK');
  const { path, metadata } = await render(t, file, { width: 32, format: 'png' });
  t.match(metadata, { space: 'srgb', channels: 3, hasProfile: false });
  const [r = 0, g = 0, b = 0] = await pixelAt(path, 8, 8);
  t.ok(r > 200 && g < 90 && b < 90, `red is red: ${r} ${g} ${b}`);
});

t.test('16 bits a channel come out as 8', async (t) => {
  const data = new Uint16Array(32 * 32 * 3);
  for (let at = 0; at < data.length; at += 3) data.set([60_000, 20_000, 10_000], at);
  const deep = sharp(data, { raw: { width: 32, height: 32, channels: 3 } }).toColourspace('rgb16');
  const expected = [60_000, 20_000, 10_000].map((value) => value / 257);
  const plain = await deep.clone().png().toBuffer();
  t.equal((await sharp(plain).metadata()).depth, 'ushort', 'the fixture has 16 bits');
  const made = await render(t, plain, { width: 16 });
  t.match(made.metadata, { depth: 'uchar', space: 'srgb' });
  t.ok(near(await pixelAt(made.path, 4, 4), expected, 2));
});

t.test('16 bits a channel under a profile have the colours of their 8-bit twin', async (t) => {
  const data = new Uint16Array(32 * 32 * 3);
  for (let at = 0; at < data.length; at += 3) data.set([60_000, 20_000, 10_000], at);
  const raw = { width: 32, height: 32, channels: 3 as const };
  const deep = await sharp(data, { raw }).toColourspace('rgb16').withIccProfile('p3').png().toBuffer();
  t.match(await sharp(deep).metadata(), { depth: 'ushort', hasProfile: true }, 'the fixture is deep');
  const shallow = await sharp(deep).keepIccProfile().toColourspace('srgb').png().toBuffer();
  t.match(await sharp(shallow).metadata(), { depth: 'uchar', hasProfile: true }, 'and its twin is not');
  const twin = await render(t, shallow, { width: 16 });
  const made = await render(t, deep, { width: 16 });
  t.ok(near(await pixelAt(made.path, 4, 4), await pixelAt(twin.path, 4, 4), 3));
  t.equal(made.metadata.hasProfile, false, 'the profile is dropped');
});

t.test('greyscale and palette', async (t) => {
  const grey = await quartersImage(40, 40).grayscale().toColourspace('b-w').png().toBuffer();
  t.equal((await sharp(grey).metadata()).channels, 1, 'the fixture has one channel');
  for (const format of ['png', 'jpeg', 'webp'] as const) {
    const { path } = await render(t, grey, { width: 20, format });
    t.ok(near(await pixelAt(path, 15, 15), [255, 255, 255]), format);
  }
  const palette = await quartersImage(40, 40).png({ palette: true }).toBuffer();
  t.equal((await sharp(palette).metadata()).isPalette, true, 'the fixture has a palette');
  t.same(await corners((await render(t, palette, { width: 20, format: 'jpeg' })).path), upright);
});

const colours = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
] as const;

for (const format of ['gif', 'webp'] as const) {
  t.test(`animated ${format}`, async (t) => {
    const file = await animation(format, 40, 20, colours);
    const still = await render(t, file, { width: 20, format: 'png' });
    t.match(still, { width: 20, height: 10 });
    t.equal(still.metadata.pages ?? 1, 1, 'the first frame unless asked');
    t.ok(near(await pixelAt(still.path, 5, 5), colours[0]));
    const second = await render(t, file, { page: 1, format: 'png' });
    t.ok(near(await pixelAt(second.path, 5, 5), colours[1]), 'page picks a frame');

    const variants = [
      ['resized', { width: 20 }, 20, 10],
      ['covering', { width: 10, height: 10 }, 10, 10],
      ['contained', { width: 20, height: 20, fit: 'contain', background: 'black' }, 20, 20],
      ['cropped', { crop: { left: 10, top: 5, width: 20, height: 10 } }, 20, 10],
      ['flipped', { flip: true, width: 20 }, 20, 10],
      ['turned over', { rotate: 180, width: 20 }, 20, 10],
      ['with metadata', { keepMetadata: true, width: 20 }, 20, 10],
      ['in the other format', { format: format === 'gif' ? 'webp' : 'gif', width: 20 }, 20, 10],
    ] as const;
    for (const [name, options, width, height] of variants) {
      const made = await render(t, file, { ...options, animated: true });
      t.match(made, { width, height }, `${name}: one frame's size`);
      t.match(made.metadata, { pages: 3, delay: [100, 150, 200], loop: 3 }, name);
      for (const [page, colour] of colours.entries()) {
        t.ok(near(await pixelAt(made.path, width / 2, height / 2, page), colour), `${name}: frame ${page}`);
      }
    }
  });
}

t.test('frames are mirrored one by one', async (t) => {
  const frame = await quartersImage(20, 20).raw().toBuffer();
  const other = await quartersImage(20, 20).negate().raw().toBuffer();
  const raw = { width: 20, height: 40, channels: 3 as const, pageHeight: 20 };
  const file = await sharp(Buffer.concat([frame, other]), { raw, animated: true })
    .gif()
    .toBuffer();
  const made = await render(t, file, { flip: true, animated: true });
  const first = await sharp(made.path, { page: 0 }).png().toBuffer();
  t.same(await corners(first), ['blue', 'white', 'red', 'green']);
});

t.test('a page of a document has its own size', async (t) => {
  const raw = { width: 30, height: 40, channels: 3 as const, pageHeight: 20 };
  const pages = await sharp(await noiseImage(30, 40).raw().toBuffer(), { raw, animated: true })
    .tiff()
    .toBuffer();
  t.equal((await sharp(pages).metadata()).pages, 2, 'the fixture has two pages');
  t.match(await render(t, pages, { page: 1, width: 15, format: 'png' }), { width: 15, height: 10 });
});

t.test('animated is no matter for a still', async (t) => {
  const made = await render(t, await quartersImage(40, 40).png().toBuffer(), { animated: true, width: 20 });
  t.match(made, { contentType: 'image/png', width: 20 });
});
