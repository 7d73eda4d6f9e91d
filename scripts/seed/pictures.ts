import sharp from 'sharp';

/**
 * Uploads pictures, each unlike any other, with the presets thumbnail and small, to a service that runs.
 *
 * @param token the key to do it with, where it asks for one
 * @throws Error when the service refuses one
 */
export async function uploadPictures(count: number, url: string, token: string | undefined): Promise<void> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (let index = 0; index < count; index++) await upload(url, index, headers);
}

/** A gradient of two colours under random noise. */
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

async function upload(url: string, index: number, headers: Readonly<Record<string, string>>): Promise<void> {
  const form = new FormData();
  form.append('preset', 'thumbnail');
  form.append('preset', 'small');
  form.append('metadata', JSON.stringify({ seeded: true, index }));
  form.append('file', new Blob([await makePicture(index)]), `seed-${String(index).padStart(4, '0')}.jpg`);
  const response = await fetch(new URL('/v1/images', url), { method: 'POST', body: form, headers });
  if (!response.ok) throw new Error(`upload ${index}: ${response.status} ${await response.text()}`);
  await response.body?.cancel();
}
