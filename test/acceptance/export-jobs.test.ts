import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import type { Export } from '../../lib/exports/export.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ListBody, type ProblemBody, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';
import { openBuffer } from './zip-entries.js';

interface Asked {
  readonly export: Export;
  readonly job: Job;
}

const service = await startService(t, { env: { MAINTENANCE_SECONDS: '1' } });
const api = await openApi(service.url);
const sql = connectPostgres(service.databaseUrl ?? '', { max: 1 });
t.teardown(() => sql.end());
const uploads: Awaited<ReturnType<typeof uploadAndWait>>[] = [];
for (let count = 0; count < 3; count++)
  uploads.push(await uploadAndWait(api, await picture(), { filename: 'same.png', presets: ['thumbnail'] }));

const ask = (json: object, headers: Record<string, string> = {}) =>
  api<Asked>('/v1/exports', { method: 'POST', json, headers });
const waited = (json: object) => ask(json, { prefer: 'wait=60' });
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

await t.test('an export job, from the request to the file', async (t) => {
  const { status, headers, body } = await ask({ dataset: 'images', format: 'csv' });
  t.equal(status, 202);
  t.equal(headers.get('location'), body.job.links.self);
  t.equal(headers.get('retry-after'), '1');
  t.match(body.export, {
    dataset: 'images',
    format: 'csv',
    compression: 'none',
    jobId: body.job.id,
    url: `/v1/exports/${body.export.id}/content`,
  });
  const job = await ended(api, body.job);
  const made = (await api<Export>(`/v1/exports/${body.export.id}`)).body;
  t.match(made, { state: 'completed', rows: 3, sha256: /^[0-9a-f]{64}$/ });
  t.match(job, {
    type: 'export',
    state: 'completed',
    progress: 100,
    imageId: null,
    result: { exportId: made.id, rows: 3, bytes: made.bytes, sha256: made.sha256 },
    links: { result: `/v1/exports/${made.id}` },
  });
  const kept = Date.parse(made.expiresAt ?? '') - Date.parse(job.finishedAt ?? '');
  t.ok(Math.abs(kept - 72 * 3_600_000) < 5_000, 'kept for three days');
  const content = await api(made.url);
  t.equal(content.bytes.length, made.bytes);
  t.equal(sha256(content.bytes), made.sha256);
  t.match(content.headers.get('content-type'), /^text\/csv/);
  t.match(
    content.headers.get('content-disposition'),
    /^attachment; filename=halftone-images-[\d-]{10}\.csv$/,
  );
  const streamed = await api('/v1/exports/stream?dataset=images&format=csv');
  t.equal(content.bytes.toString(), streamed.bytes.toString(), 'as the stream has it');
});

await t.test('every format, answered at once to who waits', async (t) => {
  const magic = {
    parquet: 'PAR1',
    xlsx: 'PK\u0003\u0004',
    zip: 'PK\u0003\u0004',
    json: '[\n{',
    ndjson: '{"id"',
  };
  for (const [format, head] of Object.entries(magic)) {
    const { status, headers, body } = await waited({ dataset: 'images', format });
    t.equal(status, 201, format);
    t.equal(headers.get('location'), `/v1/exports/${body.export.id}`);
    t.match(body.export, { format, state: 'completed', rows: 3 });
    t.equal(body.job.state, 'completed');
    const { bytes } = await api(body.export.url);
    t.equal(sha256(bytes), body.export.sha256);
    t.ok(bytes.toString('latin1').startsWith(head), `${format} begins with ${JSON.stringify(head)}`);
  }
  t.same(await filesLeft(service), [], 'no temporary file stays');
});

await t.test('what an export holds: fields in their order, filters, packed', async (t) => {
  const { body } = await waited({
    dataset: 'renditions',
    format: 'ndjson',
    compression: 'gzip',
    fields: ['width', 'imageId'],
    filter: { imageId: uploads[1]?.image.id },
  });
  const { bytes, headers } = await api(body.export.url);
  t.equal(headers.get('content-type'), 'application/gzip');
  t.match(headers.get('content-disposition'), /\.ndjson\.gz$/);
  t.equal(headers.get('content-encoding'), null, 'the file itself is packed, not its transfer');
  t.equal(gunzipSync(bytes).toString(), `{"width":64,"imageId":"${uploads[1]?.image.id}"}\n`);
});

await t.test('archives hold the very files, under names of their own', async (t) => {
  for (const dataset of ['images', 'renditions'] as const) {
    const { body } = await waited({ dataset, format: 'zip', sort: 'createdAt' });
    t.match(body.job, { state: 'completed', error: null }, dataset);
    const entries = await openBuffer((await api(body.export.url)).bytes);
    const digests = [...entries].flatMap(([name, bytes]) => (name === 'manifest.csv' ? [] : sha256(bytes)));
    const wanted =
      dataset === 'images'
        ? uploads.map(({ image }) => image.sha256)
        : uploads.flatMap(({ renditions }) => renditions.map((each) => each.sha256));
    t.same(digests, wanted, dataset);
    t.equal(new Set(entries.keys()).size, 4);
    const manifest = entries.get('manifest.csv')?.toString() ?? '';
    for (const digest of wanted) t.match(manifest, digest);
  }
});

await t.test('a download that is cut goes on where it stopped', async (t) => {
  const { body } = await waited({ dataset: 'jobs', format: 'ndjson' });
  const whole = await api(body.export.url);
  const etag = whole.headers.get('etag') ?? '';
  t.equal(etag, `"${body.export.sha256}"`);
  const cut = 1 + Math.floor(Math.random() * (whole.bytes.length - 2));
  const rest = await api(body.export.url, { headers: { range: `bytes=${cut}-`, 'if-range': etag } });
  t.equal(rest.status, 206, `from byte ${cut}`);
  t.ok(Buffer.concat([whole.bytes.subarray(0, cut), rest.bytes]).equals(whole.bytes));
  const digest = createHash('sha256').update(whole.bytes).digest('base64');
  const head = await api(body.export.url, { method: 'HEAD' });
  t.equal(head.headers.get('repr-digest'), `sha-256=:${digest}:`);
  t.equal(head.headers.get('content-length'), String(whole.bytes.length));
  const past = await api<ProblemBody>(body.export.url, {
    headers: { range: `bytes=${whole.bytes.length}-` },
  });
  t.match([past.status, past.body.code], [416, 'RANGE_NOT_SATISFIABLE']);
});

await t.test('lists, and the same again', async (t) => {
  const before = await api<ListBody<Export>>('/v1/exports?withTotal=true&fields=id,format&state=completed');
  t.ok((before.body.pagination.total ?? 0) > 5);
  t.same(Object.keys(before.body.data[0] ?? {}).sort(), ['format', 'id']);
  const first = (await waited({ dataset: 'images', format: 'csv', fields: ['filename'], bom: true })).body
    .export;
  await uploadAndWait(api, await picture(), { filename: 'new.png', presets: ['thumbnail'] });
  const again = await api<Asked>(`/v1/exports/${first.id}/repeat`, {
    method: 'POST',
    headers: { prefer: 'wait=60' },
  });
  t.equal(again.status, 201);
  t.not(again.body.export.id, first.id);
  t.equal(
    (await api(again.body.export.url)).bytes.toString(),
    '\ufefffilename\nnew.png\nsame.png\nsame.png\nsame.png\n',
  );
  t.equal((await api(first.url)).bytes.toString(), '\ufefffilename\nsame.png\nsame.png\nsame.png\n');
});

await t.test('an export that is deleted is gone with its file', async (t) => {
  const { id, url } = (await waited({ dataset: 'images', format: 'csv' })).body.export;
  t.equal((await api(`/v1/exports/${id}`, { method: 'DELETE' })).status, 204);
  for (const [path, method] of [
    [`/v1/exports/${id}`, 'GET'],
    [url, 'GET'],
    [`/v1/exports/${id}`, 'DELETE'],
  ] as const) {
    const { status, body } = await api<ProblemBody>(path, { method });
    t.match([status, body.code], [404, 'EXPORT_NOT_FOUND'], `${method} ${path}`);
  }
});

await t.test('an export that has expired says so, and its file goes', async (t) => {
  const made = (await waited({ dataset: 'images', format: 'csv' })).body.export;
  const swept = service.logged(
    ({ msg, removedExports }) => msg === 'maintenance' && Number(removedExports) > 0,
  );
  await sql`update exports set expires_at = now() - interval '1 second' where id = ${made.id}`;
  const { status, body } = await api<ProblemBody>(made.url);
  t.match([status, body.code], [410, 'EXPORT_EXPIRED']);
  t.equal((await api<Export>(`/v1/exports/${made.id}`)).body.state, 'expired');
  await swept;
  t.equal((await api<ProblemBody>(made.url)).status, 410, 'still, without its file');
});

await t.test('bad input', async (t) => {
  const json = { dataset: 'images', format: 'csv' };
  for (const [body, path, message] of [
    [{}, 'dataset', /is missing; it takes one of "images", "renditions", "jobs"/],
    [{ ...json, dataset: 'users' }, 'dataset', /"users"; it takes one of "images"/],
    [{ ...json, format: 'pdf' }, 'format', /"csv".*"zip"/],
    [{ ...json, fields: ['id', 'colour'] }, 'fields', /"colour"; known are id, filename/],
    [{ ...json, fields: [] }, 'fields', /./],
    [{ ...json, filter: { colour: 'red' } }, 'filter.colour', /known are .*minWidth/],
    [{ ...json, filter: { minWidth: '10' } }, 'filter.minWidth', /integer/],
    [{ ...json, filter: { createdAfter: '0000-02-30T00:00:00Z' } }, 'filter.createdAfter', /./],
    [{ ...json, delimiter: ';;' }, 'delimiter', /";;"/],
    [{ ...json, compression: 'rar' }, 'compression', /"rar"/],
    [{ ...json, format: 'xlsx', compression: 'gzip' }, 'compression', /csv, ndjson and json/],
    [{ ...json, format: 'json', bom: true }, 'bom', /option of csv; the format is json/],
    [{ dataset: 'jobs', format: 'zip' }, 'format', /jobs have none/],
    [{ ...json, format: 'zip', fields: ['id'] }, 'fields', /manifest/],
    [{ ...json, colour: 'red' }, 'colour', /known are/],
  ] as const) {
    const answer = await api<ProblemBody>('/v1/exports', { method: 'POST', json: body });
    t.equal(answer.status, 400, JSON.stringify(body));
    t.match(
      answer.body.errors?.find((error) => error.path === path)?.message,
      message,
      JSON.stringify(answer.body.errors),
    );
  }
  for (const path of ['/v1/exports/nonsense', '/v1/exports/01a20572-94c1-720f-b052-296b95aa674b/content'])
    t.match((await api<ProblemBody>(path)).body, { code: 'EXPORT_NOT_FOUND' });
});
