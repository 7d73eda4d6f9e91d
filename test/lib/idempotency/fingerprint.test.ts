import { randomBytes } from 'node:crypto';
import t from 'tap';
import { BodyDigest, fingerprintOf, jsonDigest } from '../../../lib/idempotency/fingerprint.js';

/** A form's body and its type; parts as name and content. */
function form(
  boundary: string,
  parts: readonly (readonly [string, Buffer])[],
): { type: string; body: Buffer } {
  const pieces = parts.flatMap(([name, content]) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`),
    content,
    Buffer.from('\r\n'),
  ]);
  const body = Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
  return { type: `multipart/form-data; boundary=${boundary}`, body };
}

/** The digest of a body that comes in chunks of a size. */
function digestOf({ type, body }: { type?: string; body: Buffer }, size = body.length): string {
  const digest = new BodyDigest(type);
  for (let at = 0; at < body.length; at += size) digest.update(body.subarray(at, at + size));
  t.equal(digest.bytes, body.length);
  return digest.digest().toString('hex');
}

const file = randomBytes(3_000);
const parts = [
  ['preset', Buffer.from('thumbnail')],
  ['file', file],
] as const;

t.test('a form is the same with another boundary, however it is cut', async (t) => {
  const first = digestOf(form('one', parts));
  for (const boundary of ['one', 'another-much-longer-boundary-0123456789', '-----------', 'a--']) {
    const sent = form(boundary, parts);
    for (const size of [1, 2, 7, 64, 1024, 1_000_000])
      t.equal(digestOf(sent, size), first, `${boundary} ${size}`);
  }
  const quoted = { ...form('o n e', parts), type: 'multipart/form-data; charset=utf-8; boundary="o n e"' };
  t.equal(digestOf(quoted), first);
});

t.test('another content, name, order or cut of parts is another form', async (t) => {
  const [preset, image] = parts;
  const others: (readonly (readonly [string, Buffer])[])[] = [
    [preset],
    [image],
    [image, preset],
    [preset, ['file', Buffer.concat([file, Buffer.from('x')])]],
    [preset, ['file', file.subarray(1)]],
    [['preset', Buffer.from('small')], image],
    [preset, preset, image],
  ];
  const seen = new Set([parts, ...others].map((each) => digestOf(form('b', each))));
  t.equal(seen.size, others.length + 1);
  const joined = { type: 'multipart/form-data; boundary=b', body: Buffer.from('a--b c') };
  const apart = { type: 'multipart/form-data; boundary=b', body: Buffer.from('a --bc') };
  t.not(digestOf(joined), digestOf(apart), 'where a part ends is in the digest');
});

t.test('other bodies byte by byte', async (t) => {
  const body = Buffer.from('--b is text here');
  t.equal(digestOf({ type: 'text/csv', body }), digestOf({ body }, 3));
  t.not(digestOf({ body }), digestOf({ body: body.subarray(1) }));
  t.equal(digestOf({ body: Buffer.alloc(0) }), digestOf({ type: 'image/png', body: Buffer.alloc(0) }));
});

t.test('JSON by what it says', async (t) => {
  t.same(jsonDigest({ a: 1, b: [1, 2] }), jsonDigest({ b: [1, 2], a: 1 }));
  const others = [{ a: 1, b: [2, 1] }, { a: 1 }, {}, [], null, '', undefined, 'null'];
  t.equal(new Set(others.map((each) => jsonDigest(each).toString('hex'))).size, others.length);
  const deep = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
  t.throws(() => jsonDigest(deep), { code: 'BAD_REQUEST' });
});

t.test('a request is its method, its path with the query, and its body', async (t) => {
  const body = jsonDigest({});
  const requests = [
    fingerprintOf('POST', '/v1/exports', body),
    fingerprintOf('PUT', '/v1/exports', body),
    fingerprintOf('POST', '/v1/exports?a=1', body),
    fingerprintOf('POST', '/v1/exports', jsonDigest([])),
  ];
  t.equal(new Set(requests.map((each) => each.toString('hex'))).size, requests.length);
});
