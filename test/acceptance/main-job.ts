import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Test } from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Job } from '../../lib/jobs/job.js';
import type { Rendition } from '../../lib/renditions/rendition.js';
import { ended, madeBy, type Uploaded, upload, uploadAndWait } from '../helpers/client.js';
import type { Api } from '../helpers/contract.js';
import { noise, picture } from '../helpers/pictures.js';
import type { Service } from '../helpers/service.js';

/** Upload, poll, download: what the service is for, on whatever queue it was started with. */
export async function mainJob(t: Test, service: Service, api: Api): Promise<void> {
  await t.test('a form with presets becomes renditions to download', async (t) => {
    const file = await noise(800, 600).jpeg().toBuffer();
    const parts = { filename: 'holiday.jpg', presets: ['thumbnail', 'small'], metadata: { album: 7 } };
    const { status, headers, body } = await upload(api, file, parts);
    t.equal(status, 202);
    t.equal(headers.get('location'), `/v1/jobs/${body.job.id}`);
    t.equal(headers.get('retry-after'), '1');
    t.match(body.image, {
      filename: 'holiday.jpg',
      contentType: 'image/jpeg',
      bytes: file.length,
      width: 800,
      height: 600,
      sha256: sha256(file),
      metadata: { album: 7 },
    });

    const job = await ended(api, body.job);
    t.match(job, {
      type: 'resize',
      state: 'completed',
      progress: 100,
      attempts: { made: 1, max: 3 },
      error: null,
    });
    t.equal(job.imageId, body.image.id);
    t.ok(Number(job.waitMs) >= 0 && Number(job.runMs) >= 0);
    t.equal(job.links.result, body.image.links.renditions);

    const { body: image } = await api<Image>(`/v1/images/${body.image.id}`);
    const sizes = new Map([
      ['thumbnail', [200, 200]],
      ['small', [640, 480]],
    ]);
    t.same(new Set(image.renditions?.map(({ name }) => name)), new Set(sizes.keys()));
    for (const { id, name, url, ...said } of image.renditions ?? []) {
      t.equal(madeBy(job).find((each) => each.id === id)?.url, url);
      const { status, headers, bytes } = await api(url);
      t.equal(status, 200);
      t.equal(headers.get('content-type'), 'image/webp');
      t.match(said, {
        imageId: image.id,
        contentType: 'image/webp',
        bytes: bytes.length,
        sha256: sha256(bytes),
      });
      const { format, width, height } = await sharp(bytes).metadata();
      t.same([format, width, height], ['webp', ...(sizes.get(name ?? '') ?? [])]);
    }
  });

  await t.test('the raw body with options in the query; the answer waits for the job', async (t) => {
    const file = await picture();
    const { status, headers, body } = await api<Uploaded>(
      '/v1/images?width=32&format=jpeg&quality=60&filename=raw.png',
      {
        method: 'POST',
        body: new Uint8Array(file),
        headers: { 'content-type': 'image/png', prefer: 'wait=20' },
      },
    );
    t.equal(status, 201);
    t.equal(headers.get('preference-applied'), 'wait=20');
    t.equal(headers.get('location'), `/v1/images/${body.image.id}`);
    t.match(body, { image: { filename: 'raw.png', contentType: 'image/png' }, job: { state: 'completed' } });
    const [rendition, ...others] = body.image.renditions ?? [];
    t.match(rendition, { contentType: 'image/jpeg', width: 32, height: 24, options: { quality: 60 } });
    t.same(others, []);
  });

  await t.test('an upload that asks for nothing makes no job', async (t) => {
    const { status, headers, body } = await upload(api, await picture());
    t.equal(status, 201);
    t.equal(headers.get('location'), `/v1/images/${body.image.id}`);
    t.equal(body.job, undefined);
    t.same((await api<{ data: Job[] }>(`/v1/jobs?imageId=${body.image.id}`)).body.data, []);
  });

  await t.test('the same bytes twice are one image and one file', async (t) => {
    const file = await picture();
    const [one, other] = await Promise.all([
      upload(api, file, { filename: 'one.png' }),
      upload(api, file, { filename: 'other.png' }),
    ]);
    t.same([one.status, other.status], [201, 201]);
    t.same(other.body.image, one.body.image);
    const files = await readdir(join(service.dataDir, 'store', 'originals'), { recursive: true });
    t.equal(files.filter((name) => name.endsWith(sha256(file))).length, 1);
  });

  await t.test('more renditions later; what stands is not made again', async (t) => {
    const { image } = (await upload(api, await picture())).body;
    const ask = (renditions: unknown, headers = {}) =>
      api<{ job?: Job; renditions?: Rendition[] }>(`/v1/images/${image.id}/renditions`, {
        method: 'POST',
        json: { renditions, presets: ['thumbnail'], priority: 'high' },
        headers,
      });
    const first = await ask([{ name: 'tiny', width: 8 }], { prefer: 'respond-async, wait=20' });
    t.equal(first.status, 202);
    t.equal(first.headers.get('preference-applied'), 'respond-async');
    t.equal(first.headers.get('location'), `/v1/jobs/${first.body.job?.id}`);
    t.equal(first.body.job?.priority, 'high');
    const job = await ended(api, { id: first.body.job?.id ?? '' });

    const again = await ask([{ name: 'tiny', width: 8 }]);
    t.equal(again.status, 200);
    t.equal(again.body.job, undefined);
    const made = madeBy(job).map(({ id }) => id);
    t.equal(made.length, 2);
    t.same(new Set(again.body.renditions?.map(({ id }) => id)), new Set(made));

    const waited = await ask([{ width: 9 }], { prefer: 'wait=20' });
    t.equal(waited.status, 200);
    t.equal(waited.headers.get('preference-applied'), 'wait=20');
    t.match(waited.body, { job: { state: 'completed', progress: 100 } });
  });

  await t.test('progress is a step for each rendition, seen by long polls', async (t) => {
    const file = await noise(1600, 1200).jpeg().toBuffer();
    const renditions = [1500, 1400, 1300, 1200, 1100].map((width) => ({ width, format: 'webp', effort: 5 }));
    const { body } = await upload(api, file, { renditions });
    const seen: number[] = [];
    const first = await api<Job>(`/v1/jobs/${body.job.id}`);
    let job = first.body;
    let etag = first.headers.get('etag') ?? '';
    while (job.state === 'queued' || job.state === 'active') {
      const answer = await api<Job>(`/v1/jobs/${job.id}`, {
        headers: { prefer: 'wait=30', 'if-none-match': etag },
      });
      if (answer.status === 304) continue;
      t.not(answer.headers.get('etag'), etag);
      t.equal(answer.headers.get('retry-after'), answer.body.state === 'completed' ? null : '1');
      etag = answer.headers.get('etag') ?? '';
      job = answer.body;
      seen.push(job.progress);
    }
    t.match(job, { state: 'completed', progress: 100 });
    t.same(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    const steps = new Set(seen.filter((progress) => progress > 0 && progress < 100));
    t.ok(steps.size > 1, `several steps of ${seen}`);
    for (const step of steps) t.ok([20, 40, 60, 80].includes(step), `${step} is a step of five`);
  });

  await t.test('the original comes back as it was, as a download', async (t) => {
    const file = await picture();
    const { image } = await uploadAndWait(api, file, { filename: 'mine.png', presets: ['thumbnail'] });
    const { bytes, headers } = await api(image.links.content);
    t.ok(bytes.equals(file));
    t.equal(headers.get('content-type'), 'image/png');
    t.match(headers.get('content-disposition'), /^attachment; filename="?mine\.png"?$/);
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
