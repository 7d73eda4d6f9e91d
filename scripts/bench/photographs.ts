import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** A photograph on disk and in memory. */
export interface Photograph {
  readonly path: string;
  readonly contentType: string;
  readonly data: Buffer;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
};
const MADE = 12;
const WIDTH = 2000;
const HEIGHT = 1500;

/**
 * The photographs of a folder, or some that are made.
 *
 * @param from the folder; undefined makes them in `folder`
 * @throws Error when the folder has none
 */
export async function photographs(from: string | undefined, folder: string): Promise<Photograph[]> {
  const source = from ?? (await makePhotographs(folder));
  const names = (await readdir(source)).sort();
  const found = names.flatMap((name) => {
    const contentType = CONTENT_TYPES[name.slice(name.lastIndexOf('.') + 1).toLowerCase()];
    return contentType === undefined ? [] : [{ path: join(source, name), contentType }];
  });
  if (found.length === 0) throw new Error(`${source} holds no .jpg, .png or .webp`);
  return Promise.all(found.map(async (each) => ({ ...each, data: await readFile(each.path) })));
}

/** Small ones of the same kind, for where their number matters and not their size. */
export async function smallPhotographs(
  photos: readonly Photograph[],
  folder: string,
  width: number,
): Promise<Photograph[]> {
  await mkdir(folder, { recursive: true });
  return Promise.all(
    photos.map(async (photo, index) => {
      const data = await sharp(photo.data).resize(width).jpeg({ quality: 85 }).toBuffer();
      const path = join(folder, `small-${index}.jpg`);
      await writeFile(path, data);
      return { path, contentType: 'image/jpeg', data };
    }),
  );
}

/** Soft shapes under fine grain: about as hard to decode, and about as large, as a camera's JPEG. */
async function makePhotographs(folder: string): Promise<string> {
  const target = join(folder, 'photographs');
  await mkdir(target, { recursive: true });
  for (let index = 0; index < MADE; index++) {
    const noise = (width: number, sigma: number): Promise<Buffer> =>
      sharp({
        create: {
          width,
          height: Math.round((width * HEIGHT) / WIDTH),
          channels: 3,
          background: '#808080',
          noise: { type: 'gaussian', mean: 128, sigma },
        },
      })
        .png({ compressionLevel: 1 })
        .toBuffer();
    const grain = await noise(WIDTH, 12);
    await sharp(await noise(24 + index, 60))
      .resize(WIDTH, HEIGHT, { fit: 'fill', kernel: 'cubic' })
      .composite([{ input: grain, blend: 'soft-light' }])
      .jpeg({ quality: 88 })
      .toFile(join(target, `made-${String(index + 1).padStart(2, '0')}.jpg`));
  }
  return target;
}
