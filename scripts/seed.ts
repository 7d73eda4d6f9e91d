import { parseArgs } from 'node:util';
import sharp from 'sharp';

const USAGE = `npm run seed -- [--images 20] [--url http://127.0.0.1:3000]

Makes pictures and uploads them, with the presets thumbnail and small, to a service that runs.`;

/** A picture unlike any other: a gradient of two random colours under noise. */
async function makePicture(index: number): Promise<Buffer> {
  const [width, height] = [1200 + (index % 5) * 200, 900];
  const hue = (index * 47) % 360;
  const gradient = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs><linearGradient id="g" x2="1" y2="1"><stop stop-color="hsl(${hue},70%,55%)"/><stop offset="1" stop-color="hsl(${(hue + 120) % 360},70%,35%)"/></linearGradient></defs><rect width="100%" height="100%" fill="url(#g)"/></svg>`,
  );
  const noise = await sharp({
    create: {
      width,
      height,
      channels: 3,
      background: 'grey',
      noise: { type: 'gaussian', mean: 128, sigma: 20 },
    },
  })
    .png()
    .toBuffer();
  return sharp(gradient)
    .composite([{ input: noise, blend: 'soft-light' }])
    .jpeg({ quality: 88 })
    .toBuffer();
}

async function upload(url: string, index: number): Promise<void> {
  const form = new FormData();
  form.append('preset', 'thumbnail');
  form.append('preset', 'small');
  form.append('metadata', JSON.stringify({ seeded: true, index }));
  form.append('file', new Blob([await makePicture(index)]), `seed-${String(index).padStart(4, '0')}.jpg`);
  const response = await fetch(new URL('/v1/images', url), { method: 'POST', body: form });
  if (!response.ok) throw new Error(`upload ${index}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '20' },
    url: { type: 'string', default: 'http://127.0.0.1:3000' },
    help: { type: 'boolean', default: false },
  },
});
const images = Number(values.images);
if (values.help || !Number.isSafeInteger(images) || images < 1) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 1);
}
for (let index = 0; index < images; index++) await upload(values.url, index);
console.log(`Uploaded ${images} images to ${values.url}; see ${new URL('/v1/images', values.url)}`);
