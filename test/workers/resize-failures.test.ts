import { readdir, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import type { RenderTask } from '../../lib/renditions/render-task.js';
import resize from '../../workers/resize.js';
import { animation, factsOf, noiseImage, quartersImage, render, taskFor } from './resize-fixtures.js';

const names = (task: RenderTask): Promise<string[]> => readdir(dirname(task.input));

t.test('a truncated file is corrupt, alone or shared, and nothing stays behind', async (t) => {
  const formats = ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'] as const;
  for (const format of formats) {
    const whole = await noiseImage(200, 150)[format]().toBuffer();
    const source = await factsOf(whole);
    const cut = whole.subarray(0, Math.floor(whole.length * 0.7));
    for (const options of [
      [{ width: 50 }],
      [{ width: 50 }, { width: 100 }],
      [{ trim: true }],
      [{ keepMetadata: true }],
    ]) {
      const task = await taskFor(t, cut, options, { source });
      const outcome = await resize(task);
      t.match(
        outcome,
        { ok: false, problem: { code: 'IMAGE_CORRUPT', status: 422 } },
        `${format} ${JSON.stringify(options)}`,
      );
      if (!outcome.ok) t.notMatch(outcome.problem.detail, /\/|\n/, 'the detail names no path');
      t.same(await names(task), ['input']);
    }
  }
});

t.test('what is not an image at all is corrupt', async (t) => {
  const source = await factsOf(await quartersImage(10, 10).png().toBuffer());
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>');
  for (const file of [Buffer.from('no image'), Buffer.alloc(0), svg]) {
    const outcome = await resize(await taskFor(t, file, [{ width: 5 }], { source }));
    t.match(outcome, { ok: false, problem: { code: 'IMAGE_CORRUPT' } });
  }
});

t.test('harmless bytes after the end pass', async (t) => {
  const file = Buffer.concat([
    await quartersImage(40, 20).jpeg().toBuffer(),
    Buffer.from('trailing bytes of a camera'),
  ]);
  t.match(await render(t, file, { width: 20 }), { width: 20, height: 10 });
});

t.test('too many pixels to decode', async (t) => {
  const file = await quartersImage(100, 100).jpeg().toBuffer();
  const refused = { ok: false, problem: { code: 'INPUT_TOO_MANY_PIXELS', status: 422, detail: /9999/ } };
  for (const options of [[{ width: 10 }], [{ width: 10 }, { width: 20 }]]) {
    t.match(await resize(await taskFor(t, file, options, { maxInputPixels: 9999 })), refused);
    t.match(await resize(await taskFor(t, file, options, { maxInputPixels: 10_000 })), { ok: true });
  }
  const frames = await animation('gif', 50, 50, [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ]);
  t.match(await resize(await taskFor(t, frames, [{ animated: true }], { maxInputPixels: 7499 })), {
    ok: false,
  });
  t.match(await resize(await taskFor(t, frames, [{ animated: true }], { maxInputPixels: 7500 })), {
    ok: true,
  });
});

t.test('too many pixels to write', async (t) => {
  const file = await quartersImage(100, 10).png().toBuffer();
  const refused = {
    ok: false,
    problem: { code: 'OUTPUT_TOO_MANY_PIXELS', status: 422, errors: [{ path: 'width' }] },
  };
  const large = [{ width: 200, withoutEnlargement: false }];
  t.match(await resize(await taskFor(t, file, large, { maxOutputPixels: 3999 })), refused);
  t.match(await resize(await taskFor(t, file, large, { maxOutputPixels: 4000 })), { ok: true });
  // Trimmed to a thin line, the same width makes a tall image: only known after decoding.
  const line = await sharp({ create: { width: 4, height: 90, channels: 3, background: 'red' } })
    .extend({ left: 90, right: 6, background: 'white' })
    .png()
    .toBuffer();
  const trimmed = [{ trim: true, width: 100, withoutEnlargement: false }];
  t.match(await resize(await taskFor(t, line, trimmed, { maxOutputPixels: 200_000 })), refused);
});

t.test('options that do not fit the image', async (t) => {
  const file = await quartersImage(40, 20).png().toBuffer();
  const outside = [{ width: 10 }, { crop: { left: 30, top: 0, width: 11, height: 5 } }];
  const task = await taskFor(t, file, outside);
  t.match(await resize(task), {
    ok: false,
    problem: { code: 'OPTIONS_UNPROCESSABLE', status: 422, errors: [{ path: 'crop', message: /40 × 20/ }] },
  });
  t.same(await names(task), ['input']);
});

t.test('out of time', async (t) => {
  const file = await noiseImage(1500, 1500).png().toBuffer();
  const late = { ok: false, problem: { code: 'JOB_TIMED_OUT', status: 504 } };
  const none = await taskFor(t, file, [{ width: 10 }], { timeoutSeconds: 0 });
  t.match(await resize(none), late, 'no time at all');
  // Minutes of work against a second: libvips itself has to stop.
  const heavy = { width: 6000, blur: 500, withoutEnlargement: false };
  for (const options of [[heavy], [{ width: 10 }, heavy]]) {
    const task = await taskFor(t, file, options, { timeoutSeconds: 1 });
    t.match(await resize(task), late);
    t.same(await names(task), ['input'], 'also what was ready is removed');
  }
});

t.test('what is nobody’s fault is thrown, to be tried again', async (t) => {
  const file = await quartersImage(40, 20).png().toBuffer();
  const gone = await taskFor(t, file, [{ width: 10 }]);
  await rm(gone.input);
  await t.rejects(resize(gone), /missing/);
  const blocked = await taskFor(t, file, [{ width: 10 }, { width: 20 }]);
  const renditions = blocked.renditions.map((each, index) =>
    index === 0 ? each : { ...each, output: `${blocked.input}/not-a-folder` },
  );
  await t.rejects(resize({ ...blocked, renditions }), { code: 'ENOTDIR' });
  t.same(await names(blocked), ['input'], 'the first one was removed');
});

t.test('no space left is the store’s problem', async (t) => {
  const file = await quartersImage(40, 20).png().toBuffer();
  const task = await taskFor(t, file, [{ width: 10 }]);
  // A link, because a failed task removes its outputs.
  for (const { output } of task.renditions) await symlink('/dev/full', output);
  t.match(await resize(task), { ok: false, problem: { code: 'STORAGE_FULL', status: 507 } });
  t.same(await names(task), ['input']);
});
