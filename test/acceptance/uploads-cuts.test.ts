import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Upload } from '../../lib/uploads/upload.js';
import { ended, type ListBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { cuttingProxy } from '../helpers/cutting-proxy.js';
import { storedFiles } from '../helpers/faults.js';
import { bitmap } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { sha256, tusUpload } from '../helpers/tus.js';

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

await t.test('connections that are cut at any byte, and a client that comes back', async (t) => {
  const service = await startService(t);
  const api = await openApi(service.url);
  const next = random(7);
  let connections = 0;
  const proxy = await cuttingProxy(t, service.url, () =>
    connections++ < 25 ? Math.floor(400 + next() * 700_000) : undefined,
  );
  for (const chunkSize of [Number.POSITIVE_INFINITY, 300_000]) {
    connections = 0;
    const file = await bitmap(1000, 900);
    const { headers, id } = await tusUpload(proxy.url, file, {
      chunkSize,
      retryDelays: Array.from({ length: 40 }, () => 0),
      metadata: { preset: 'thumbnail' },
    });
    t.equal(headers.get('upload-offset'), String(file.length));
    const { body } = await api<Upload>(`/v1/uploads/${id}`);
    const image = await api<Image>(`/v1/images/${body.imageId}`);
    t.equal(image.body.sha256, sha256(file));
    t.same((await api(image.body.links.content)).bytes, file);
    t.equal((await ended(api, { id: body.jobId ?? '' })).state, 'completed');
    t.equal((await api<ListBody<unknown>>(`/v1/jobs?imageId=${body.imageId}`)).body.data.length, 1);
  }
  t.ok(proxy.cuts >= 20, `${proxy.cuts} connections were cut`);
  t.same(await storedFiles(service, 'uploads'), []);
});
