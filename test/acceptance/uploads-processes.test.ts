import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Upload } from '../../lib/uploads/upload.js';
import type { ListBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { storedFiles } from '../helpers/faults.js';
import { bitmap } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { begin, openPart, sendPart, sha256, tusHeaders, tusUpload } from '../helpers/tus.js';

const MIB = 1024 * 1024;

await t.test('two API processes on one database', async (t) => {
  const first = await startService(t, { env: { RESIZE_THREADS: '1' } });
  const { dataDir, databaseUrl } = first;
  const second = await startService(t, { dataDir, databaseUrl, env: { ROLE: 'api' } });
  const [one, two] = await Promise.all([openApi(first.url), openApi(second.url)]);

  await t.test('part by part through both', async (t) => {
    const file = await bitmap(500, 400);
    const path = await begin(one, file.length, {});
    let offset = 0;
    for (const api of [one, two, one, two]) {
      const part = file.subarray(offset, offset + Math.ceil(file.length / 4));
      const { status, headers } = await sendPart(api, path, offset, part);
      t.equal(status, 204);
      offset = Number(headers.get('upload-offset'));
    }
    const { body } = await one<Upload>(path);
    t.equal((await two<Image>(`/v1/images/${body.imageId}`)).body.sha256, sha256(file));
  });

  await t.test('who has the lock stores what it has when the other process comes', async (t) => {
    const file = await bitmap(1100, 1000);
    for (const [holder, api] of [
      [first, two],
      [first, one],
    ] as const) {
      const path = await begin(one, file.length, {});
      const part = openPart(holder.url, path, 0, file.length);
      const answer = once(part, 'response').then(([response]: IncomingMessage[]) => response);
      part.write(file.subarray(0, 2 * MIB));
      await eventually(async () => ((await storedFiles(first, 'uploads')).length > 0 ? true : undefined));
      const { headers } = await api(path, { method: 'HEAD', headers: tusHeaders });
      const offset = Number(headers.get('upload-offset'));
      t.ok(offset > 0 && offset <= 2 * MIB, `${offset} bytes are kept`);
      const stopped = await answer;
      t.equal(stopped?.statusCode, 204);
      t.equal(stopped?.headers['upload-offset'], String(offset), 'the first is told the same');
      part.destroy();
      const done = await sendPart(api, path, offset, file.subarray(offset));
      t.equal((await one<Image>(done.headers.get('halftone-image') ?? '')).body.sha256, sha256(file));
      await one(done.headers.get('halftone-image') ?? '', { method: 'DELETE' });
    }
  });

  await t.test('both at once, again and again', async (t) => {
    const file = await bitmap(900, 800);
    const path = await begin(one, file.length, { preset: 'thumbnail' });
    const ends = await Promise.allSettled(
      [first, second].map(({ url }) =>
        tusUpload(url, file, {
          uploadUrl: `${url}${path}`,
          chunkSize: 200_000,
          retryDelays: Array.from({ length: 100 }, () => 5),
        }),
      ),
    );
    t.ok(
      ends.some(({ status }) => status === 'fulfilled'),
      JSON.stringify(ends),
    );
    const { body } = await two<Upload>(path);
    t.equal(body.offset, file.length);
    const image = await two<Image>(`/v1/images/${body.imageId}`);
    t.equal(image.body.sha256, sha256(file));
    t.same((await one(image.body.links.content)).bytes, file);
    t.equal((await one<ListBody<unknown>>(`/v1/jobs?imageId=${body.imageId}`)).body.data.length, 1);
  });
});
