import sharp from 'sharp';
import t from 'tap';
import { canonicalOptions } from '../../../lib/renditions/canonical.js';
import { outputSize } from '../../../lib/renditions/geometry.js';
import type { RenditionOptions } from '../../../lib/renditions/options-schema.js';

const still = {
  contentType: 'image/png',
  width: 400,
  height: 300,
  orientation: 1,
  hasAlpha: false,
  pages: 1,
};

function sizeOf(options: RenditionOptions, change: Partial<typeof still> = {}, maxOutputPixels = 50_000_000) {
  const source = { ...still, ...change };
  return outputSize(source, canonicalOptions(options, source), maxOutputPixels, 'renditions.2');
}

/** Numbers that are the same in every run (a linear congruential generator). */
function numbers(seed: number): (from: number, to: number) => number {
  let state = seed;
  return (from, to) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return from + Math.floor((state / 2 ** 32) * (to - from + 1));
  };
}

t.test('it says what sharp makes', async (t) => {
  const pick = numbers(7);
  const fits = ['cover', 'contain', 'fill', 'inside', 'outside'] as const;
  for (let round = 0; round < 400; round++) {
    const [width, height] = [pick(1, 300), pick(1, 300)];
    const which = pick(0, 2);
    const box = {
      ...(which !== 1 && { width: pick(1, 400) }),
      ...(which !== 2 && { height: pick(1, 400) }),
    };
    // With one side given there is no box to contain: sharp pads that side, we do not.
    const fit = fits[which === 0 ? pick(0, 4) : pick(2, 4)] ?? 'cover';
    const withoutEnlargement = pick(0, 1) === 1;
    const rotate = [0, 0, 90, 180, 270, pick(1, 359)][pick(0, 5)] ?? 0;
    const image = sharp({ create: { width, height, channels: 3, background: 'red' } });
    if (rotate !== 0) image.rotate(rotate);
    const { info } = await image
      .resize({ ...box, fit, withoutEnlargement })
      .raw()
      .toBuffer({ resolveWithObject: true });
    const options = { ...box, fit, withoutEnlargement, rotate };
    t.match(
      sizeOf(options, { width, height }),
      { width: info.width, height: info.height, pages: 1 },
      `${width} × ${height} ${JSON.stringify(options)}`,
    );
  }
});

t.test('rotate alone', async (t) => {
  for (const rotate of [1, 10, 30, 45, 77, 123, 200, 359, -10]) {
    for (const [width, height] of [
      [37, 300],
      [400, 300],
      [401, 299],
    ] as const) {
      const image = sharp({ create: { width, height, channels: 3, background: 'red' } }).rotate(rotate);
      const { info } = await image.raw().toBuffer({ resolveWithObject: true });
      t.match(sizeOf({ rotate }, { width, height }), { width: info.width, height: info.height }, `${rotate}`);
    }
  }
});

t.test('orientation and crop come first', async (t) => {
  t.match(sizeOf({ width: 150 }, { orientation: 6 }), { width: 150, height: 200 });
  t.match(sizeOf({ width: 200 }, { orientation: 3 }), { width: 200, height: 150 });
  t.match(sizeOf({ crop: { left: 0, top: 100, width: 300, height: 300 } }, { orientation: 8 }), {
    width: 300,
    height: 300,
  });
  t.match(sizeOf({ crop: { left: 0, top: 0, width: 100, height: 50 }, rotate: 90, width: 25 }), {
    width: 25,
    height: 50,
  });
});

t.test('frames', async (t) => {
  const gif = { contentType: 'image/gif', pages: 5 };
  t.match(sizeOf({ animated: true, width: 40 }, gif), { width: 40, height: 30, pages: 5 });
  t.match(sizeOf({ width: 40 }, gif), { pages: 1 });
  t.match(sizeOf({ page: 4 }, gif), { pages: 1 });
  t.throws(() => sizeOf({ page: 5 }, gif), {
    code: 'OPTIONS_UNPROCESSABLE',
    errors: [{ path: 'renditions.2.page', message: /5.*last page is 4/ }],
  });
  t.throws(() => sizeOf({ animated: true }, { ...gif, orientation: 6 }), {
    code: 'OPTIONS_UNPROCESSABLE',
    errors: [{ path: 'renditions.2.animated' }],
  });
});

t.test('a crop outside of the upright image', async (t) => {
  t.match(sizeOf({ crop: { left: 100, top: 0, width: 300, height: 300 } }), { width: 300, height: 300 });
  for (const crop of [
    { left: 101, top: 0, width: 300, height: 300 },
    { left: 0, top: 1, width: 400, height: 300 },
  ]) {
    t.throws(() => sizeOf({ crop }), {
      code: 'OPTIONS_UNPROCESSABLE',
      status: 422,
      errors: [{ path: 'renditions.2.crop', message: /400 × 300/ }],
    });
  }
});

t.test('the most pixels, over all frames', async (t) => {
  const tooMany = (path: string) => ({ code: 'OUTPUT_TOO_MANY_PIXELS', status: 422, errors: [{ path }] });
  t.match(sizeOf({}, {}, 120_000), { width: 400 });
  t.throws(() => sizeOf({}, {}, 119_999), tooMany('renditions.2.width'));
  t.throws(() => sizeOf({ height: 299 }, {}, 100_000), tooMany('renditions.2.height'));
  const gif = { contentType: 'image/gif', pages: 10 };
  t.match(sizeOf({ animated: true, width: 40 }, gif, 12_000), { pages: 10 });
  t.throws(() => sizeOf({ animated: true, width: 40 }, gif, 11_999), tooMany('renditions.2.width'));
  const thin = { width: 1, height: 10_000 };
  t.throws(
    () => sizeOf({ width: 5000, height: 10, withoutEnlargement: false }, thin),
    tooMany('renditions.2.width'),
    'cover scales a thin image up to far more than it keeps',
  );
});

t.test('the longest side of a format', async (t) => {
  const long = { width: 70_000, height: 10 };
  const cases = [
    ['webp', 16_383],
    ['avif', 16_384],
    ['jpeg', 65_535],
    ['gif', 65_535],
  ] as const;
  for (const [format, most] of cases) {
    t.match(sizeOf({ format }, { ...long, width: most }), { width: most });
    t.throws(() => sizeOf({ format }, { ...long, width: most + 1 }), {
      code: 'OPTIONS_UNPROCESSABLE',
      errors: [{ path: 'renditions.2.width', message: new RegExp(`${format} holds at most ${most}`) }],
    });
  }
  t.match(sizeOf({ format: 'png' }, long), { width: 70_000 });
});
