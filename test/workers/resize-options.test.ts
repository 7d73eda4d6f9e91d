import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import sharp from 'sharp';
import t from 'tap';
import { corners, near, noiseImage, pixelAt, quartersImage, render } from './resize-fixtures.js';

const wide = await quartersImage(200, 100).png().toBuffer();

t.test('the facts describe the file that was written', async (t) => {
  const made = await render(t, wide, { width: 50, format: 'jpeg', quality: 80 });
  const bytes = await readFile(made.path);
  t.match(made, { id: 'rendition-0', contentType: 'image/jpeg', width: 50, height: 25 });
  t.equal(made.bytes, (await stat(made.path)).size);
  t.equal(made.sha256, createHash('sha256').update(bytes).digest('hex'));
  t.match(made.metadata, {
    format: 'jpeg',
    width: 50,
    height: 25,
    chromaSubsampling: '4:2:0',
    isProgressive: false,
  });
});

t.test('format', async (t) => {
  for (const format of ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const) {
    const made = await render(t, wide, { width: 64, format });
    t.equal(made.metadata.format, format === 'avif' ? 'heif' : format);
    t.equal(made.contentType, `image/${format}`);
    t.same(await corners(made.path), ['red', 'green', 'blue', 'white'], format);
  }
  t.equal((await render(t, wide, { width: 10, format: 'original' })).contentType, 'image/png');
  t.equal((await render(t, wide, { width: 10 })).contentType, 'image/png');
});

t.test('fit', async (t) => {
  const cases = [
    ['cover', 60, 60],
    ['contain', 60, 60],
    ['fill', 60, 60],
    ['inside', 60, 30],
    ['outside', 120, 60],
  ] as const;
  for (const [fit, width, height] of cases) {
    const made = await render(t, wide, { width: 60, height: 60, fit });
    t.match(made, { width, height }, fit);
  }
  const contained = await render(t, wide, { width: 60, height: 60, fit: 'contain', background: '#00ffff' });
  t.ok(near(await pixelAt(contained.path, 30, 2), [0, 255, 255]), 'bars have the background');
  const transparent = await render(t, wide, { width: 60, height: 60, fit: 'contain' });
  t.equal((await pixelAt(transparent.path, 30, 2))[3], 0, 'bars are transparent by default');
  const jpeg = await render(t, wide, { width: 60, height: 60, fit: 'contain', format: 'jpeg' });
  t.ok(near(await pixelAt(jpeg.path, 30, 2), [255, 255, 255]), 'and white in JPEG');
});

t.test('position', async (t) => {
  const left = await render(t, wide, { width: 20, height: 40, position: 'left' });
  t.same(await corners(left.path), ['red', 'red', 'blue', 'blue']);
  const east = await render(t, wide, { width: 20, height: 40, position: 'east' });
  t.same(await corners(east.path), ['green', 'green', 'white', 'white']);
  // Flat grey but for a busy right end, which both strategies must find.
  const busy = await sharp({ create: { width: 300, height: 60, channels: 3, background: '#808080' } })
    .composite([{ input: await noiseImage(60, 60).png().toBuffer(), left: 240, top: 0 }])
    .png()
    .toBuffer();
  for (const position of ['entropy', 'attention'] as const) {
    const made = await render(t, busy, { width: 60, height: 60, position, format: 'png' });
    t.notOk(near(await pixelAt(made.path, 50, 30), [128, 128, 128], 3), position);
  }
});

t.test('withoutEnlargement', async (t) => {
  t.match(await render(t, wide, { width: 400 }), { width: 200, height: 100 });
  t.match(await render(t, wide, { width: 400, withoutEnlargement: false }), { width: 400, height: 200 });
  t.match(
    await render(t, wide, { width: 400, height: 400 }),
    { width: 200, height: 100 },
    'cover takes what is there',
  );
});

t.test('rotate, flip and flop', async (t) => {
  const cases = [
    [{ rotate: 90 }, ['blue', 'red', 'white', 'green']],
    [{ rotate: -90 }, ['green', 'white', 'red', 'blue']],
    [{ rotate: 180 }, ['white', 'blue', 'green', 'red']],
    [{ flip: true }, ['blue', 'white', 'red', 'green']],
    [{ flop: true }, ['green', 'red', 'white', 'blue']],
    [{ flip: true, rotate: 90 }, ['red', 'blue', 'green', 'white']],
    [{ flip: true, rotate: 180 }, ['green', 'red', 'white', 'blue']],
  ] as const;
  for (const [options, expected] of cases) {
    t.same(await corners((await render(t, wide, options)).path), expected, JSON.stringify(options));
    const small = await render(t, wide, { ...options, width: 40 });
    t.same(await corners(small.path), expected, `${JSON.stringify(options)} and resized`);
    t.equal(small.width, 40, 'width is that of the turned image');
  }
  const turned = await render(t, wide, { rotate: 45, background: '#ff00ff' });
  t.match(turned, { width: 212, height: 212 });
  t.ok(near(await pixelAt(turned.path, 2, 2), [255, 0, 255]));
});

t.test('crop', async (t) => {
  const green = { left: 100, top: 0, width: 100, height: 50 };
  const made = await render(t, wide, { crop: green, width: 50 });
  t.match(made, { width: 50, height: 25 });
  t.same(await corners(made.path), ['green', 'green', 'green', 'green']);
  const turned = await render(t, wide, {
    crop: { left: 0, top: 0, width: 200, height: 50 },
    rotate: 90,
    width: 20,
  });
  t.match(turned, { width: 20, height: 80 }, 'the crop comes before the turn, the width after');
  t.same(await corners(turned.path), ['red', 'red', 'green', 'green']);
});

t.test('trim', async (t) => {
  const bordered = await quartersImage(80, 40)
    .extend({ top: 10, bottom: 20, left: 30, right: 30, background: '#123456' })
    .png()
    .toBuffer();
  t.match(await render(t, bordered, { trim: true }), { width: 80, height: 40 });
  t.match(await render(t, bordered, { trim: true, width: 40 }), { width: 40, height: 20 }, 'then resized');
  t.match(await render(t, bordered, { trim: true, rotate: 90 }), { width: 40, height: 80 });
  t.match(await render(t, bordered, { trim: { background: '#ffffff' } }), { width: 140, height: 70 });
  t.match(
    await render(t, bordered, { trim: true, crop: { left: 20, top: 0, width: 50, height: 30 } }),
    { width: 40, height: 20 },
    'trimmed after the crop',
  );
  const faint = await quartersImage(80, 40).extend({ left: 5, background: '#f00606' }).png().toBuffer();
  t.match(await render(t, faint, { trim: { threshold: 60, background: '#f00000' } }), { height: 40 });
  const dot = await sharp({ create: { width: 2, height: 2, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  t.match(await render(t, dot, { trim: true }), { width: 2, height: 2 }, 'nothing to trim in two pixels');
});

t.test('grayscale, blur and sharpen', async (t) => {
  const [r, g, b] = await pixelAt((await render(t, wide, { grayscale: true })).path, 10, 10);
  t.ok(r === g && g === b && r !== undefined && r > 20 && r < 200, `grey ${r}`);
  const noise = await noiseImage(80, 80).png().toBuffer();
  const spread = async (path: string | Buffer) => (await sharp(path).stats()).channels[0]?.stdev ?? 0;
  const plain = await spread(noise);
  t.ok((await spread((await render(t, noise, { blur: true })).path)) < plain * 0.7, 'a mild blur');
  t.ok((await spread((await render(t, noise, { blur: 10 })).path)) < plain * 0.1, 'a strong one');
  const soft = await sharp(noise).blur(1.5).png().toBuffer();
  for (const sharpen of [true, { sigma: 2 }]) {
    const made = await render(t, soft, { sharpen });
    t.ok((await spread(made.path)) > (await spread(soft)) * 1.005, JSON.stringify(sharpen));
  }
});

t.test('quality, lossless and effort', async (t) => {
  const noise = await noiseImage(120, 120).png().toBuffer();
  for (const format of ['jpeg', 'webp', 'avif'] as const) {
    const low = await render(t, noise, { format, quality: 10 });
    const high = await render(t, noise, { format, quality: 95 });
    t.ok(low.bytes < high.bytes * 0.7, `${format}: ${low.bytes} < ${high.bytes}`);
  }
  for (const format of ['webp', 'avif'] as const) {
    const exact = await render(t, noise, { format, lossless: true });
    t.same(
      await sharp(exact.path).raw().toBuffer(),
      await sharp(noise).raw().toBuffer(),
      `${format} keeps every pixel`,
    );
  }
  const palette = await render(t, wide, { format: 'png', quality: 60 });
  t.equal(palette.metadata.isPalette, true, 'PNG quality below 100 makes a palette');
  const full = await render(t, wide, { format: 'png', quality: 100, effort: 10 });
  t.equal(full.metadata.isPalette, false);
  const smooth = await sharp(noise).blur(8).png().toBuffer();
  const quick = await render(t, smooth, { format: 'png', effort: 2 });
  const slow = await render(t, smooth, { format: 'png', effort: 10 });
  t.ok(slow.bytes < quick.bytes, `${slow.bytes} < ${quick.bytes}`);
});
