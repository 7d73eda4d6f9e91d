import { createHash } from 'node:crypto';
import t from 'tap';
import { type ProblemBody, type Uploaded, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { noise } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const service = await startService(t);
const api = await openApi(service.url);
const file = await noise(90, 70).png().toBuffer();
const { image, renditions } = await uploadAndWait(api, file, {
  filename: 'file.png',
  presets: ['thumbnail'],
});
const url = image.links.content;
const whole = await api(url);
const etag = whole.headers.get('etag') ?? '';
const lastModified = whole.headers.get('last-modified') ?? '';

/** GETs the original with header fields. */
const get = (headers: Record<string, string>) => api<ProblemBody>(url, { headers });

await t.test('what goes with a file', async (t) => {
  const rendition = await api(renditions[0]?.url ?? '');
  for (const { headers, bytes } of [whole, rendition]) {
    const digest = createHash('sha256').update(bytes).digest();
    t.equal(headers.get('etag'), `"${digest.toString('hex')}"`);
    t.equal(headers.get('repr-digest'), `sha-256=:${digest.toString('base64')}:`);
    t.equal(headers.get('content-length'), String(bytes.length));
    t.equal(headers.get('accept-ranges'), 'bytes');
    t.equal(headers.get('cache-control'), 'private, max-age=31536000, immutable');
    t.equal(headers.get('x-content-type-options'), 'nosniff');
    t.match(headers.get('content-security-policy'), /default-src 'none'/);
    t.equal(new Date(headers.get('last-modified') ?? '').toUTCString(), headers.get('last-modified'));
    t.equal(headers.get('content-encoding'), null);
  }
  t.ok(whole.bytes.equals(file));
  t.match(whole.headers.get('content-disposition'), /^attachment; /);
  t.match(rendition.headers.get('content-disposition'), /^inline; filename="?file-thumbnail\.webp"?$/);
});

await t.test('HEAD says what GET does', async (t) => {
  for (const path of [url, renditions[0]?.url ?? '']) {
    const [head, get] = await Promise.all([api(path, { method: 'HEAD' }), api(path)]);
    t.equal(head.status, 200);
    const perRequest = ['date', 'server-timing', 'x-request-id', 'ratelimit', 'connection', 'keep-alive'];
    for (const [name, value] of get.headers) {
      if (!perRequest.includes(name)) t.equal(head.headers.get(name), value, name);
    }
  }
});

await t.test('If-None-Match and If-Modified-Since', async (t) => {
  const later = new Date(Date.parse(lastModified) + 60_000).toUTCString();
  const earlier = new Date(Date.parse(lastModified) - 60_000).toUTCString();
  for (const [headers, status] of [
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': `W/${etag}` }, 304],
    [{ 'if-none-match': `"one", ${etag}, "three"` }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-modified-since': lastModified }, 304],
    [{ 'if-modified-since': later }, 304],
    [{ 'if-modified-since': earlier }, 200],
    [{ 'if-modified-since': 'yesterday' }, 200],
    [{ 'if-none-match': '"other"', 'if-modified-since': lastModified }, 200],
    [{ 'if-none-match': etag, range: 'bytes=0-1' }, 304],
  ] as const) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await api(url, { method, headers });
      t.equal(answer.status, status, `${method} ${JSON.stringify(headers)}`);
      if (status !== 304) continue;
      t.equal(answer.bytes.length, 0);
      for (const name of ['etag', 'last-modified', 'cache-control']) {
        t.equal(answer.headers.get(name), whole.headers.get(name), name);
      }
    }
  }
});

await t.test('If-Match and If-Unmodified-Since', async (t) => {
  const earlier = new Date(Date.parse(lastModified) - 60_000).toUTCString();
  for (const [headers, status] of [
    [{ 'if-match': etag }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': `"one", ${etag}` }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': `W/${etag}` }, 412],
    [{ 'if-unmodified-since': lastModified }, 200],
    [{ 'if-unmodified-since': earlier }, 412],
  ] as const) {
    const { status: got, body } = await get(headers);
    t.equal(got, status, JSON.stringify(headers));
    if (status === 412) t.equal(body.code, 'PRECONDITION_FAILED');
  }
});

await t.test('ranges', async (t) => {
  const size = file.length;
  const rows: [string, number, number][] = [
    ['bytes=0-0', 0, 0],
    ['bytes=0-99', 0, 99],
    ['bytes=100-', 100, size - 1],
    ['bytes=-100', size - 100, size - 1],
    [`bytes=-${size + 5}`, 0, size - 1],
    [`bytes=10-${size + 5}`, 10, size - 1],
    [`bytes=${size - 1}-`, size - 1, size - 1],
  ];
  for (const [range, start, end] of rows) {
    const { status, headers, bytes } = await get({ range });
    t.equal(status, 206, range);
    t.equal(headers.get('content-range'), `bytes ${start}-${end}/${size}`);
    t.equal(headers.get('content-length'), String(end - start + 1));
    t.equal(headers.get('etag'), etag);
    t.equal(headers.get('repr-digest'), whole.headers.get('repr-digest'), 'of the whole, not of the part');
    t.ok(bytes.equals(file.subarray(start, end + 1)), range);
  }
  for (const range of [`bytes=${size}-`, `bytes=${size}-${size + 9}`, 'bytes=-0']) {
    const { status, headers, body } = await get({ range });
    t.same([status, body.code], [416, 'RANGE_NOT_SATISFIABLE'], range);
    t.equal(headers.get('content-range'), `bytes */${size}`);
  }
  for (const range of [
    'bytes=0-1,4-5',
    'bytes=5-1',
    'bytes=a-b',
    'bytes',
    'bytes=',
    'lines=1-2',
    'bytes=-',
  ]) {
    const { status, headers, bytes } = await get({ range });
    t.equal(status, 200, `${range} is served whole`);
    t.equal(headers.get('content-range'), null);
    t.ok(bytes.equals(file), range);
  }
});

await t.test('If-Range: the range only of the file that the client has', async (t) => {
  const later = new Date(Date.parse(lastModified) + 1000).toUTCString();
  for (const [condition, status] of [
    [etag, 206],
    [lastModified, 206],
    ['"other"', 200],
    [`W/${etag}`, 200],
    [later, 200],
    ['nonsense', 200],
  ] as const) {
    const answer = await get({ range: 'bytes=1-3', 'if-range': condition });
    t.equal(answer.status, status, condition);
    t.equal(answer.bytes.length, status === 206 ? 3 : file.length);
  }
});

await t.test('names that are no file names come back harmless', async (t) => {
  const rows: [string, string | RegExp][] = [
    ['../../etc/passwd', 'passwd'],
    ['C:\\Windows\\system.ini', 'system.ini'],
    ['quo"te.png', 'quo"te.png'],
    ['a\r\nSet-Cookie: x=1.png', 'aSet-Cookie: x=1.png'],
    ['😀 smile.png', '😀 smile.png'],
    ['\u202egnp.exe', 'gnp.exe'],
    ['..', /^image\.png$/],
    ['\0', /^image\.png$/],
    [`${'long'.repeat(1250)}.png`, /^(long)+(l|lo|lon)\.png$/],
  ];
  for (const [given, kept] of rows) {
    const picture = await noise(20, 20).png().toBuffer();
    const query = new URLSearchParams({ filename: given });
    const raw = { method: 'POST', body: new Uint8Array(picture), headers: { 'content-type': 'image/png' } };
    const { body } = await api<Uploaded>(`/v1/images?${query}`, raw);
    t.match(body.image.filename, kept, JSON.stringify(given.slice(0, 40)));
    t.ok(Buffer.byteLength(body.image.filename) <= 255);
    const { headers } = await api(body.image.links.content);
    const disposition = headers.get('content-disposition') ?? '';
    t.match(
      disposition,
      /^attachment; filename(\*=UTF-8''[\w%.!~-]+|="?[\x20-\x7e]+"?(; filename\*=UTF-8''[\w%.!~-]+)?)$/,
    );
    t.equal(headers.get('set-cookie'), null);
    const encoded = /filename\*=UTF-8''(\S+)$/.exec(disposition)?.[1];
    if (encoded !== undefined) t.equal(decodeURIComponent(encoded), body.image.filename);
  }
});
