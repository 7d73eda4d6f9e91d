import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { countRows, hasty, storedFiles } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { begin, offsetOf, sendPart, sha256, tusHeaders } from '../helpers/tus.js';

await t.test('an upload that has expired', async (t) => {
  const service = await startService(t, { env: { ...hasty, RESIZE_THREADS: '1' } });
  const api = await openApi(service.url);
  const sql = connect(t, service.databaseUrl ?? '');
  const file = await picture();
  const made = await api('/v1/uploads', {
    method: 'POST',
    headers: { ...tusHeaders, 'upload-length': String(file.length) },
  });
  const expires = Date.parse(made.headers.get('upload-expires') ?? '');
  t.ok(Math.abs(expires - Date.now() - 24 * 3_600_000) < 60_000, 'in a day');
  const path = made.headers.get('location') ?? '';
  const part = await sendPart(api, path, 0, file.subarray(0, 2000));
  t.equal(Date.parse(part.headers.get('upload-expires') ?? ''), expires);
  await sql`update uploads set expires_at = now() - interval '1 minute'`;
  t.match(
    await service.logged(({ msg, ...line }) => msg === 'maintenance' && line['removedUploads'] === 1),
    {},
  );
  t.same(await storedFiles(service, 'uploads'), []);
  for (const method of ['GET', 'HEAD'])
    t.equal((await api(path, { method, headers: tusHeaders })).status, 410);
  const late = await sendPart<ProblemBody>(api, path, 2000, file.subarray(2000));
  t.same([late.status, late.body.code], [410, 'UPLOAD_EXPIRED']);
  await sql`update uploads set expires_at = now() - interval '25 hours'`;
  await eventually(async () => ((await api(path)).status === 404 ? true : undefined));
});

await t.test('a backlog that is full by the time the last byte is in', async (t) => {
  const service = await startService(t, { env: { ROLE: 'api', MAX_QUEUED_JOBS: '1' } });
  const api = await openApi(service.url);
  const [a, b] = await Promise.all([picture(), picture()]);
  const paths = [
    await begin(api, a.length, { preset: 'thumbnail' }),
    await begin(api, b.length, { preset: 'thumbnail' }),
  ] as const;
  const taken = await sendPart(api, paths[0], 0, a);
  const refused = await sendPart<ProblemBody>(api, paths[1], 0, b);
  t.same([refused.status, refused.body.code], [503, 'BACKLOG_FULL']);
  t.equal(await offsetOf(service, paths[1]), b.length - 1, 'all but its last byte is kept');
  t.equal(await countRows(t, service.databaseUrl, 'images'), 1);
  await api(taken.headers.get('halftone-job') ?? '', { method: 'DELETE' });
  const done = await eventually(async () => {
    const answer = await sendPart(api, paths[1], b.length - 1, b.subarray(-1));
    return answer.status === 204 ? answer : undefined;
  });
  const image = await api<Image>(done.headers.get('halftone-image') ?? '');
  t.equal(image.body.sha256, sha256(b));

  await t.test('a creation that is repeated with its Idempotency-Key', async (t) => {
    const before = await countRows(t, service.databaseUrl, 'uploads');
    const create = (length = '5') =>
      api('/v1/uploads', {
        method: 'POST',
        headers: { ...tusHeaders, 'upload-length': length, 'idempotency-key': 'one' },
      });
    const [one, again] = [await create(), await create()];
    t.equal(again.headers.get('location'), one.headers.get('location'));
    t.equal((await create('6')).status, 422, 'another length is another request');
    t.equal(await countRows(t, service.databaseUrl, 'uploads'), before + 1);
  });
});

await t.test('creations are counted as expensive, parts are not', async (t) => {
  const service = await startService(t, { env: { ROLE: 'api', RATE_LIMIT_EXPENSIVE_MAX: '2' } });
  const api = await openApi(service.url);
  const file = await picture();
  const path = await begin(api, file.length, {});
  for (let offset = 0; offset < 2000; offset += 500)
    t.equal((await sendPart(api, path, offset, file.subarray(offset, offset + 500))).status, 204);
  await begin(api, file.length, {});
  const { status } = await api('/v1/uploads', {
    method: 'POST',
    headers: { ...tusHeaders, 'upload-length': '5' },
  });
  t.equal(status, 429);
});
