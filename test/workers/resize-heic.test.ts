import { readdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { sniffContentType } from '../../lib/images/media-types.js';
import { probeImage } from '../../lib/images/probe.js';
import type { RenditionOptions } from '../../lib/renditions/options-schema.js';
import type { RenderTask } from '../../lib/renditions/render-task.js';
import { nclxProfile } from '../../workers/render/heic/nclx-profile.js';
import resize from '../../workers/resize.js';
import * as heic from '../hostile/heic.js';
import { exif } from '../lib/images/samples.js';
import { corners, filesOf, near, pixelAt, taskFor } from './resize-fixtures.js';

/** A task for a HEIC, with what the API finds in its header. */
async function heicTask(
  t: Test,
  file: Buffer,
  options: readonly RenditionOptions[],
  change: Partial<RenderTask> = {},
): Promise<RenderTask> {
  const path = `${t.testdir()}/upload`;
  await writeFile(path, file);
  const contentType = await sniffContentType(file.subarray(0, 4100));
  const source = await probeImage(path, contentType, { maxPixels: 1e8, maxFrames: 512 });
  return taskFor(t, file, options, { source, ...change });
}

async function rendered(t: Test, file: Buffer, options: RenditionOptions) {
  const task = await heicTask(t, file, [options]);
  const [made] = await filesOf(task);
  t.same((await readdir(dirname(task.input))).sort(), ['input', 'output-0'], 'nothing else stays');
  const path = task.renditions[0]?.output ?? '';
  return { ...made, path, metadata: await sharp(path).metadata() };
}

const upright = ['red', 'green', 'blue', 'white'];

t.test('a HEIC is decoded, and becomes a JPEG unless told', async (t) => {
  const made = await rendered(t, heic.heicQuarters(), {});
  t.match(made, { contentType: 'image/jpeg', width: 96, height: 64 });
  t.same(await corners(made.path), upright);
  t.match(await rendered(t, heic.heicQuarters(), { width: 48, format: 'webp' }), { width: 48, height: 32 });
});

t.test('a grid of tiles is one picture', async (t) => {
  const made = await rendered(t, heic.heicGrid(3, 2), { format: 'png' });
  t.match(made, { width: 288, height: 128 });
  for (const [x, y] of [
    [0, 0],
    [96, 0],
    [192, 64],
  ] as const) {
    t.ok(near(await pixelAt(made.path, x + 24, y + 16), [255, 0, 0]), `a tile at ${x}, ${y}`);
    t.ok(near(await pixelAt(made.path, x + 72, y + 48), [255, 255, 255]));
  }
  const cut = await rendered(t, heic.heicGrid(3, 2, { width: 250, height: 100 }), { format: 'png' });
  t.match(cut, { width: 250, height: 100 }, 'the last tiles reach beyond it');
});

t.test('it is turned and mirrored once, whatever its EXIF says', async (t) => {
  const exifItem = { type: 'Exif', data: Buffer.concat([Buffer.alloc(4), exif(6)]) };
  const turned = heic.heicGrid(1, 1, { properties: [heic.turned(3)], metadata: [exifItem] });
  const made = await rendered(t, turned, { format: 'png' });
  t.match(made, { width: 64, height: 96 });
  t.same(await corners(made.path), ['blue', 'red', 'white', 'green']);
  const mirrored = await rendered(t, heic.heicQuarters(heic.mirrored(1)), { format: 'png' });
  t.same(await corners(mirrored.path), ['green', 'red', 'white', 'blue']);
});

t.test('alpha stays', async (t) => {
  const { path } = await rendered(t, heic.heicAlpha(), { format: 'png' });
  t.equal((await pixelAt(path, 4, 10))[3], 0);
  t.same((await pixelAt(path, 80, 60))[3], 255);
  const jpeg = await rendered(t, heic.heicAlpha(), { background: '#00ff00' });
  t.ok(near(await pixelAt(jpeg.path, 4, 10), [0, 255, 0]));
});

t.test('colours become sRGB', async (t) => {
  const p3 = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#00ff00' } })
    .withIccProfile('p3')
    .png()
    .toBuffer();
  const { icc } = await sharp(p3).metadata();
  const profile = heic.box('colr', Buffer.from('prof', 'latin1'), icc ?? Buffer.alloc(0));
  const half = { crop: { left: 0, top: 32, width: 40, height: 20 }, format: 'png' as const };
  const plain = await pixelAt((await rendered(t, heic.heicQuarters(), half)).path, 20, 10);
  const byProfile = await pixelAt((await rendered(t, heic.heicQuarters(profile), half)).path, 20, 10);
  const byNumbers = await pixelAt((await rendered(t, heic.heicQuarters(heic.nclx(12)), half)).path, 20, 10);
  t.ok(near(plain, [0, 0, 255], 3), `${plain}`);
  // Grey is where spaces agree: white stays white in every one of them.
  const white = await rendered(t, heic.heicQuarters(heic.nclx(12)), { format: 'png' });
  t.ok(near(await pixelAt(white.path, 80, 50), [255, 255, 255], 3));
  t.ok(near(byNumbers, byProfile, 3), `${byNumbers} as ${byProfile}`);
  const large = await rendered(t, heic.heicQuarters(heic.nclx(9)), { format: 'png' });
  t.notOk(large.metadata.hasProfile);
});

t.test('the profile made of numbers is that of Display P3', async (t) => {
  const path = `${t.testdir()}/made.icc`;
  await writeFile(path, nclxProfile(12) ?? '');
  const colour = sharp({ create: { width: 1, height: 1, channels: 3, background: '#c86428' } });
  const [made, known] = await Promise.all(
    [path, 'p3'].map((profile) => colour.clone().withIccProfile(profile).png().toBuffer()),
  );
  const raw = async (png = Buffer.alloc(0)) => [...(await sharp(png, { ignoreIcc: true }).raw().toBuffer())];
  t.ok(near(await raw(made), await raw(known), 1), `${await raw(made)} as ${await raw(known)}`);
  t.notSame(await raw(known), [200, 100, 40]);
});

t.test('metadata is kept where asked, and never the orientation', async (t) => {
  const written = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .withExif({ IFD0: { Make: 'Halftone', Orientation: '6' }, IFD3: { GPSLatitudeRef: 'N' } })
    .jpeg()
    .toBuffer();
  const { exif } = await sharp(written).metadata();
  const item = {
    type: 'Exif',
    data: Buffer.concat([Buffer.alloc(4), (exif ?? Buffer.alloc(0)).subarray(6)]),
  };
  const kept = await rendered(t, heic.heicGrid(1, 1, { metadata: [item] }), { keepMetadata: true });
  t.match(kept.metadata.exif?.toString('latin1'), /Halftone/);
  t.not(kept.metadata.orientation, 6);
  const dropped = await rendered(t, heic.heicGrid(1, 1, { metadata: [item] }), {});
  t.equal(dropped.metadata.exif, undefined);
});

t.test('what cannot be decoded has a problem, and leaves nothing', async (t) => {
  const lying = heic.heif({
    items: [{ ...heic.codedItem('colour'), data: Buffer.alloc(300, 7) }],
  });
  for (const [file, change, code] of [
    [lying, {}, 'IMAGE_CORRUPT'],
    [heic.heicQuarters().subarray(0, -100), {}, 'IMAGE_CORRUPT'],
    [heic.heicGrid(4, 4, { tiles: 3 }), {}, 'IMAGE_CORRUPT'],
    [heic.heicGrid(4, 4), { maxInputPixels: 10_000 }, 'INPUT_TOO_MANY_PIXELS'],
  ] as const) {
    const task = await heicTask(t, file, [{ width: 10 }, { width: 20 }], change);
    const outcome = await resize(task);
    t.match(outcome, { ok: false, problem: { code } }, code);
    t.same(await readdir(dirname(task.input)), ['input']);
  }
});
