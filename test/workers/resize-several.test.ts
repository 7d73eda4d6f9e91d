import { execFileSync } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import sharp from 'sharp';
import t from 'tap';
import resize from '../../workers/resize.js';
import {
  animation,
  corners,
  filesOf,
  near,
  noiseImage,
  pixelAt,
  quartersImage,
  taskFor,
} from './resize-fixtures.js';

t.test('several renditions of all kinds, in the order asked for', async (t) => {
  const file = await quartersImage(400, 200).jpeg().toBuffer();
  const task = await taskFor(t, file, [
    { width: 40 },
    { width: 100, height: 100, format: 'webp' },
    { crop: { left: 200, top: 100, width: 200, height: 100 }, width: 50, format: 'png' },
    { width: 4000 },
    { height: 50, rotate: 90, format: 'avif' },
  ]);
  const files = await filesOf(task);
  t.match(files, [
    { id: 'rendition-0', width: 40, height: 20, contentType: 'image/jpeg' },
    { id: 'rendition-1', width: 100, height: 100, contentType: 'image/webp' },
    { id: 'rendition-2', width: 50, height: 25, contentType: 'image/png' },
    { id: 'rendition-3', width: 400, height: 200, contentType: 'image/jpeg' },
    { id: 'rendition-4', width: 25, height: 50, contentType: 'image/avif' },
  ]);
  const expected = [
    ['red', 'green', 'blue', 'white'],
    ['red', 'green', 'blue', 'white'],
    ['white', 'white', 'white', 'white'],
    ['red', 'green', 'blue', 'white'],
    ['blue', 'red', 'white', 'green'],
  ];
  for (const [index, { output }] of task.renditions.entries()) t.same(await corners(output), expected[index]);
});

t.test('a rendition measures the same alone and in company', async (t) => {
  const file = await noiseImage(601, 397).jpeg().toBuffer();
  const options = [
    { width: 97 },
    { height: 33 },
    { width: 60, height: 60, fit: 'outside' as const },
    { width: 151, height: 149 },
    { width: 90, height: 20, fit: 'fill' as const },
    { width: 700, height: 300, fit: 'contain' as const, withoutEnlargement: false },
  ];
  const together = await filesOf(await taskFor(t, file, options));
  for (const [index, each] of options.entries()) {
    const [alone] = await filesOf(await taskFor(t, file, [each]));
    t.match(together[index], { width: alone?.width, height: alone?.height }, JSON.stringify(each));
  }
});

t.test('a crop, a turn and a trim have every pixel, however small the others are', async (t) => {
  const file = await quartersImage(400, 200).extend({ top: 40, background: '#123456' }).png().toBuffer();
  for (const options of [
    { crop: { left: 250, top: 150, width: 100, height: 80 } },
    { rotate: 30 },
    { trim: true },
  ]) {
    const [, together] = await filesOf(await taskFor(t, file, [{ width: 10 }, options]));
    const [alone] = await filesOf(await taskFor(t, file, [options]));
    t.match(
      together,
      { width: alone?.width, height: alone?.height, sha256: alone?.sha256 },
      JSON.stringify(options),
    );
  }
});

t.test('the file is decoded once', async (t) => {
  // The first output is a pipe: its writer waits until somebody reads. By then the decode is over, the
  // input can go, and the rest must come from the pixels at hand.
  const file = await noiseImage(400, 300).jpeg().toBuffer();
  const task = await taskFor(t, file, [
    { format: 'png' },
    { width: 100 },
    { crop: { left: 1, top: 1, width: 9, height: 9 } },
  ]);
  const [first] = task.renditions;
  if (!first) throw new Error('no rendition');
  execFileSync('mkfifo', [first.output]);
  const outcome = resize(task);
  const pipe = await open(first.output, 'r');
  t.teardown(() => pipe.close());
  await rm(task.input);
  const bytes = await pipe.readFile();
  t.ok(bytes.length > 128 * 1024, 'more than a pipe holds, so the writer did wait');
  t.match(await outcome, { ok: true, files: [{ width: 400 }, { width: 100 }, { width: 9, height: 9 }] });
});

t.test('each page of an animation is its own decode, and all frames another', async (t) => {
  const colours = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
  ] as const;
  const file = await animation('gif', 40, 20, colours);
  const task = await taskFor(t, file, [
    { page: 2, format: 'png' },
    { animated: true, width: 20 },
    { page: 0, format: 'png' },
    { animated: true, format: 'webp', width: 10 },
    { animated: true, flip: true },
  ]);
  const files = await filesOf(task);
  const [third, small, opening, webp, flipped] = task.renditions.map(({ output }) => output);
  t.match(files, [
    { width: 40 },
    { width: 20, height: 10 },
    { width: 40 },
    { width: 10, height: 5 },
    { width: 40, height: 20 },
  ]);
  t.ok(near(await pixelAt(third ?? '', 5, 5), colours[2]));
  t.ok(near(await pixelAt(opening ?? '', 5, 5), colours[0]));
  for (const path of [small, webp, flipped]) {
    t.match(await sharp(path, { animated: true }).metadata(), { pages: 3, delay: [100, 150, 200], loop: 3 });
    for (const [page, colour] of colours.entries()) t.ok(near(await pixelAt(path ?? '', 5, 2, page), colour));
  }
});

t.test('alpha goes with the pixels', async (t) => {
  const create = { width: 40, height: 20, channels: 4 as const, background: 'rgba(255, 0, 0, 0.5)' };
  const task = await taskFor(t, await sharp({ create }).png().toBuffer(), [
    { width: 20 },
    { width: 10, format: 'jpeg' },
  ]);
  await filesOf(task);
  const [png, jpeg] = task.renditions.map(({ output }) => output);
  t.ok(near(await pixelAt(png ?? '', 5, 5), [255, 0, 0, 128], 3));
  t.ok(near(await pixelAt(jpeg ?? '', 5, 2), [255, 128, 128]));
});

t.test('progress is told after each rendition', async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  const file = await quartersImage(40, 40).png().toBuffer();
  const task = await taskFor(t, file, [{ width: 10 }, { width: 20 }, { width: 30 }], { progress: port2 });
  await filesOf(task);
  const messages = Array.from({ length: 4 }, () => receiveMessageOnPort(port1)?.message as unknown);
  t.same(messages, [{ done: 1, total: 3 }, { done: 2, total: 3 }, { done: 3, total: 3 }, undefined]);
  for (const { output } of task.renditions) t.ok((await readFile(output)).length > 0);
});
