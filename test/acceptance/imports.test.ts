import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import type { Image } from '../../lib/images/image.js';
import type { ImportResult } from '../../lib/imports/import.js';
import type { Job } from '../../lib/jobs/job.js';
import { ended, type ListBody, type ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { jobEnd, jobWhen, storedFiles } from '../helpers/faults.js';
import { picture } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';
import { temporaryFolder } from '../helpers/services.js';

const parent = await temporaryFolder(t);
const folder = join(parent, 'import');
await mkdir(join(folder, 'deep'), { recursive: true });
await writeFile(join(folder, 'a.png'), await picture());
await writeFile(join(folder, 'deep', 'b.png'), await picture());
await writeFile(join(folder, 'text.png'), 'no image');
await writeFile(join(parent, 'secret.png'), await picture());
await symlink('../secret.png', join(folder, 'out.png'));

const remote = await picture();
const answers: Record<string, number> = { '/gone.png': 404, '/photo%20one.png': 200 };
const host = createServer((request, response) => {
  const status = answers[request.url ?? ''] ?? 500;
  response.writeHead(status).end(status === 200 ? remote : 'no');
}).listen(0, '127.0.0.1');
t.teardown(() => host.close());
await new Promise((done) => host.once('listening', done));
const { port } = host.address() as AddressInfo;
const origin = `http://127.0.0.1:${port}`;

const service = await startService(t, {
  env: { IMPORT_FOLDER: folder, ALLOW_PRIVATE_HOSTS: 'true', MAX_IMPORT_BYTES: '2000000', JOB_ATTEMPTS: '1' },
});
const api = await openApi(service.url);
const sql = connectPostgres(service.databaseUrl ?? '', { max: 1 });
t.teardown(() => sql.end());

type Asked = { readonly job: Job };

function post<Body = Asked>(csv: string | Buffer, headers: Record<string, string> = {}) {
  const body = typeof csv === 'string' ? csv : new Uint8Array(csv);
  return api<Body>('/v1/imports', {
    method: 'POST',
    body,
    headers: { 'content-type': 'text/csv', ...headers },
  });
}

/** Imports a CSV to its end, and reads its report. */
async function imported(csv: string | Buffer) {
  const { status, body } = await post(csv);
  if (status !== 202) throw new Error(JSON.stringify(body));
  const job = await jobEnd(service.url, body.job);
  const { bytes, headers } = await api(`/v1/imports/${job.id}/report`);
  const [header, ...lines] = String(bytes).trimEnd().split('\r\n');
  const faults = lines.map((line) => line.split(',', 2).join(' '));
  return { job, result: resultOf(job), header, faults, report: String(bytes), headers };
}

function resultOf({ result }: Job): ImportResult {
  if (!result || !('rows' in result) || typeof result.rows !== 'object')
    throw new Error('the result is not that of an import');
  return { rows: result.rows, members: 'members' in result ? result.members : none };
}
const none = { total: 0, completed: 0, failed: 0, cancelled: 0 };

await t.test('an import, from the request to the report', async (t) => {
  const csv = [
    'url,path,filename,presets,metadata.camera',
    ',a.png,first.png,thumbnail;small,X100',
    ',deep/b.png,,,',
    `${origin}/photo%20one.png,,,thumbnail,"a ""quoted"", one"`,
    `${origin}/gone.png,,,,`,
    `${origin}/broken.png,,,,`,
    ',text.png,,,',
    ',out.png,,,',
    ',none.png,,,',
    ',../secret.png,,,',
    `${origin}/a.png,a.png,,,`,
    ',a.png,,huge,',
    ',a.png',
    ',"a.png"x,,,',
  ].join('\n');
  const { status, headers, body } = await post(csv, { prefer: 'respond-async' });
  t.equal(status, 202);
  t.equal(headers.get('location'), body.job.links.self);
  t.equal(headers.get('retry-after'), '1');
  t.match(body.job, { type: 'import', state: 'queued', parentId: null, result: null });
  const job = await ended(api, body.job);
  t.match(job, {
    state: 'completed',
    progress: 100,
    error: null,
    links: { result: `/v1/imports/${job.id}/report` },
  });
  t.same(resultOf(job), {
    rows: { read: 13, accepted: 8, rejected: 5 },
    members: { total: 8, completed: 3, failed: 5, cancelled: 0 },
  });

  const report = await api(`/v1/imports/${job.id}/report`);
  t.match(report.headers.get('content-type'), /^text\/csv; charset=utf-8/);
  t.match(report.headers.get('content-disposition'), `attachment; filename=import-${job.id}.csv`);
  const codes = String(report.bytes)
    .split('\r\n')
    .map((line) => line.split(',', 2).join(' '));
  t.same(codes, [
    'line code',
    '5 REMOTE_REFUSED',
    '6 REMOTE_UNREACHABLE',
    '7 MEDIA_TYPE_UNSUPPORTED',
    '8 PATH_NOT_ALLOWED',
    '9 PATH_NOT_FOUND',
    '10 PATH_NOT_ALLOWED',
    '11 VALIDATION_FAILED',
    '12 PRESET_UNKNOWN',
    '13 ROW_RAGGED',
    '14 ROW_QUOTES',
    '',
  ]);
  t.notMatch(String(report.bytes), parent, 'no path on the disk');

  const members = (await api<ListBody<Job>>(`/v1/jobs?parentId=${job.id}&sort=createdAt`)).body.data;
  t.equal(members.length, 8);
  const images = [];
  for (const member of members.filter(({ state }) => state === 'completed'))
    images.push((await api<Image>(`/v1/images/${member.imageId}`)).body);
  t.match(images, [
    { filename: 'first.png', metadata: { camera: 'X100' }, renditions: [{}, {}] },
    { filename: 'b.png', metadata: {}, renditions: [] },
    {
      filename: 'photo one.png',
      metadata: { camera: 'a "quoted", one' },
      renditions: [{ name: 'thumbnail' }],
    },
  ]);
  t.same(await storedFiles(service, 'imports'), [], 'the CSV is gone');
  t.same(await filesLeft(service), []);
});

await t.test('as a form, with a byte order mark, and waited for', async (t) => {
  const form = new FormData();
  form.append('file', new Blob(['\ufeffpath\r\na.png\r\n']), 'rows.csv');
  const { status, headers, body } = await api<Asked>('/v1/imports', {
    method: 'POST',
    body: form,
    headers: { prefer: 'wait=30' },
  });
  t.equal(status, 200);
  t.equal(headers.get('preference-applied'), 'wait=30');
  t.match(body.job, { state: 'completed', result: { rows: { read: 1, accepted: 1, rejected: 0 } } });
});

await t.test('the same row twice is one image', async (t) => {
  const { job, result } = await imported('path,presets\na.png,medium\na.png,medium\n');
  t.match(result.members, { total: 2, completed: 2 });
  const { data } = (await api<ListBody<Job>>(`/v1/jobs?parentId=${job.id}`)).body;
  t.equal(new Set(data.map(({ imageId }) => imageId)).size, 1);
});

await t.test('rows in another encoding, and with line ends in cells', async (t) => {
  const { faults, result } = await imported(
    Buffer.concat([
      Buffer.from('path,metadata.note\na.png,"two\nlines"\na.png,Z'),
      Buffer.from([0xfc]),
      Buffer.from('rich\na.png,Zürich\n'),
    ]),
  );
  t.same(faults, ['4 ROW_ENCODING']);
  t.same(result.rows, { read: 3, accepted: 2, rejected: 1 });
});

await t.test('a header without rows is an import of nothing', async (t) => {
  const { job, report, header } = await imported('url,path');
  t.match(job, { state: 'completed', progress: 100, result: { rows: { read: 0 }, members: { total: 0 } } });
  t.equal(header, 'line,code,detail');
  t.equal(report, 'line,code,detail\r\n');
});

await t.test('1,000 rows: every one is counted once', async (t) => {
  const rows = Array.from({ length: 1_000 }, (_, index) => {
    if (index % 2 === 0) return `a.png,${index},unknown`;
    return index % 3 === 0 ? `a.png,${index}` : `none-${index}.png,"${index},\n${index}",`;
  });
  const unknown = rows.filter((row) => row.endsWith('unknown')).length;
  const ragged = rows.filter((row) => /^a\.png,\d+$/.test(row)).length;
  const { result, faults } = await imported(`path,metadata.number,presets\n${rows.join('\n')}\n`);
  t.same(result, {
    rows: { read: 1_000, accepted: 1_000 - unknown - ragged, rejected: unknown + ragged },
    members: {
      total: 1_000 - unknown - ragged,
      completed: 0,
      failed: 1_000 - unknown - ragged,
      cancelled: 0,
    },
  });
  t.equal(faults.length, 1_000);
  const lines = faults.map((fault) => Number.parseInt(fault, 10));
  t.same(
    lines,
    [...lines].sort((a, b) => a - b),
    'by line',
  );
  t.equal(faults.filter((fault) => fault.endsWith('PRESET_UNKNOWN')).length, unknown);
  t.equal(faults.filter((fault) => fault.endsWith('ROW_RAGGED')).length, ragged);
});

const refused: [string, number, string, string | Buffer, Record<string, string>?][] = [
  ['an empty file', 400, 'BODY_EMPTY', ''],
  ['an unknown column', 400, 'COLUMNS_INVALID', 'url,colour\nx,y'],
  ['neither url nor path', 400, 'COLUMNS_INVALID', 'filename\nx'],
  ['UTF-16', 415, 'ENCODING_UNSUPPORTED', Buffer.from('\ufeffurl\nx', 'utf16le')],
  ['another charset', 415, 'ENCODING_UNSUPPORTED', 'url\nx', { 'content-type': 'text/csv; charset=latin1' }],
  ['another type', 415, 'MEDIA_TYPE_UNSUPPORTED', '{}', { 'content-type': 'application/json' }],
  ['a file that is too large', 413, 'UPLOAD_TOO_LARGE', `url\n${'x'.repeat(2_000_000)}`],
];
for (const [name, status, code, csv, headers] of refused)
  await t.test(`${name} is refused at the door`, async (t) => {
    const answer = await post<ProblemBody>(csv, headers);
    t.equal(answer.status, status);
    t.equal(answer.body.code, code);
    t.same(await filesLeft(service), []);
  });

await t.test('the report of no import', async (t) => {
  for (const id of ['x', '018f4e2a-0000-7000-8000-000000000000']) {
    const { status, body } = await api<ProblemBody>(`/v1/imports/${id}/report`);
    t.equal(status, 404);
    t.equal(body.code, 'IMPORT_NOT_FOUND');
  }
});

await t.test('cancelled: what waits is cancelled; retried: it goes on where it was', async (t) => {
  const rows = Array.from({ length: 300 }, () => 'a.png,small').join('\n');
  const { body } = await post(`path,presets\n${rows}\n`);
  await jobWhen(service.url, body.job, ({ state }) => state === 'active');
  const asked = await api<Asked>(`/v1/jobs/${body.job.id}`, { method: 'DELETE' });
  t.ok([200, 202].includes(asked.status), `${asked.status}`);
  const cancelled = await jobEnd(service.url, body.job);
  t.equal(cancelled.state, 'cancelled');
  const [row] = await sql<{ unfinished: number }[]>`
    select count(*)::int as unfinished from jobs where parent_id = ${cancelled.id} and state = 'queued'`;
  t.same(row, { unfinished: 0 });
  const { rows: read, members } = resultOf(cancelled);
  t.equal(members.completed + members.cancelled + members.failed, read.accepted);

  t.equal((await api(`/v1/jobs/${cancelled.id}/retry`, { method: 'POST' })).status, 202);
  const done = await jobEnd(service.url, cancelled);
  t.match(done, { state: 'completed' });
  t.same(resultOf(done), {
    rows: { read: 300, accepted: 300, rejected: 0 },
    members: { total: 300, completed: 300, failed: 0, cancelled: 0 },
  });
});
