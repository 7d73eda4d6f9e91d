import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import {
  ended,
  formOf,
  type ListBody,
  type ProblemBody,
  type UploadParts,
  upload,
} from '../helpers/client.js';
import { type Asked, openApi } from '../helpers/contract.js';
import { animation, noise, picture, plain } from '../helpers/pictures.js';
import { filesLeft, startService } from '../helpers/service.js';

const MAX_BYTES = 300_000;
const service = await startService(t, {
  env: { MAX_UPLOAD_BYTES: String(MAX_BYTES), MAX_INPUT_PIXELS: '2000000' },
});
const api = await openApi(service.url);

/** Sends what must be refused, and looks that nothing of it stays. */
async function refused(
  asked: Asked,
  path = '/v1/images',
): Promise<{ status: number; headers: Headers } & ProblemBody> {
  const { status, headers, body } = await api<ProblemBody>(path, { method: 'POST', ...asked });
  const left = await filesLeft(service);
  const { pagination } = (await api<ListBody<Image>>('/v1/images?withTotal=true')).body;
  if (left.length > 0 || pagination.total !== 0)
    throw new Error(`something stays: ${left} ${pagination.total}`);
  return { status, headers, ...body };
}

const raw = (file: Buffer | string, headers = {}): Asked => ({
  body: new Uint8Array(Buffer.from(file)),
  headers: { 'content-type': 'image/png', ...headers },
});

const form = (file: Buffer | string, parts?: UploadParts): Asked => ({
  body: formOf(Buffer.from(file), parts),
});

await t.test('what is no image that we decode, whatever it is called', async (t) => {
  const files = {
    text: 'just a text, and long enough to be looked at',
    SVG: '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
    PDF: '%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF',
    MVG: 'push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 "label:@/etc/passwd"\npop graphic-context',
    HTML: '<!doctype html><html><body><script>alert(1)</script></body></html>',
    BMP: Buffer.concat([Buffer.from('BM'), Buffer.alloc(100)]),
    'a HEIC without a header': Buffer.concat([
      Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'),
      Buffer.alloc(100),
    ]),
    'a PNG without a header': Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  };
  for (const [name, file] of Object.entries(files)) {
    for (const asked of [raw(file), form(file, { filename: 'picture.png' })]) {
      const { status, code, headers } = await refused(asked);
      t.same([status, code], [415, 'MEDIA_TYPE_UNSUPPORTED'], name);
      if (!name.endsWith('without a header')) t.match(headers.get('accept'), /image\/png/, name);
    }
  }
});

await t.test('a body of another kind', async (t) => {
  for (const type of ['text/plain', 'application/octet-stream', 'multipart/mixed; boundary=x']) {
    const { status, code, headers } = await refused({ body: '{}', headers: { 'content-type': type } });
    t.same([status, code], [415, 'MEDIA_TYPE_UNSUPPORTED'], type);
    t.match(headers.get('accept'), /multipart\/form-data.*image\/png/, type);
  }
});

await t.test('no bytes at all', async (t) => {
  t.match(await refused(raw('')), { status: 400, code: 'BODY_EMPTY' });
  t.match(await refused({}), { status: 400, code: 'BODY_EMPTY' });
  t.match(await refused(form('')), { status: 400, code: 'BODY_EMPTY' });
});

await t.test('forms that are not as they should be', async (t) => {
  const file = await picture();
  const faulty = (change: (form: FormData) => void): Asked => {
    const body = formOf(file);
    change(body);
    return { body };
  };
  const blob = new Blob([new Uint8Array(file)]);
  const noFile = faulty((form) => form.delete('file'));
  t.match(await refused(noFile), { status: 400, code: 'FILE_MISSING' });
  const textFile = faulty((form) => form.set('file', 'text'));
  t.match(await refused(textFile), { status: 400, errors: [{ path: 'file' }] });
  const twoFiles = faulty((form) => form.append('file', blob, 'b.png'));
  t.match(await refused(twoFiles), { status: 400, code: 'FILE_DUPLICATE' });
  const otherFile = faulty((form) => form.append('picture', blob, 'b.png'));
  t.match(await refused(otherFile), { status: 400, code: 'FIELD_UNKNOWN', errors: [{ path: 'picture' }] });
  const otherField = faulty((form) => form.append('colour', 'red'));
  t.match(await refused(otherField), { status: 400, code: 'FIELD_UNKNOWN', errors: [{ path: 'colour' }] });
  const fields = {
    metadata: ['{', '[]', '"text"', JSON.stringify({ text: 'x'.repeat(16 * 1024) })],
    renditions: ['{', '{"width":10}', 'null', '[null]'],
  };
  for (const [name, values] of Object.entries(fields)) {
    for (const value of values) {
      const { status, code, errors } = await refused(faulty((form) => form.append(name, value)));
      t.same([status, code], [400, 'VALIDATION_FAILED'], value.slice(0, 20));
      t.match(errors?.[0]?.path, new RegExp(`^${name}`));
    }
  }
  const twice = faulty((form) => {
    for (const value of ['[]', '[]']) form.append('renditions', value);
  });
  t.match(await refused(twice), { status: 400, errors: [{ path: 'renditions' }] });
  for (const [body, type] of [
    ['--x\r\n', 'multipart/form-data'],
    [
      '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nabc',
      'multipart/form-data; boundary=x',
    ],
    ['', 'multipart/form-data; boundary=x'],
  ] as const) {
    t.equal((await refused({ body, headers: { 'content-type': type } })).status, 400, JSON.stringify(body));
  }
});

await t.test('more bytes than are taken, announced or not, once or many times over', async (t) => {
  for (const bytes of [MAX_BYTES + 1, 40 * MAX_BYTES]) {
    const file = Buffer.concat([await picture(), Buffer.alloc(bytes)]).subarray(0, bytes);
    const chunked = (body: Uint8Array<ArrayBuffer> | ArrayBuffer, headers = {}): Asked => ({
      body: new Response(body).body,
      duplex: 'half',
      headers,
    });
    const multipart = new Response(formOf(file));
    const type = multipart.headers.get('content-type') ?? '';
    for (const asked of [
      raw(file),
      form(file),
      chunked(new Uint8Array(file), { 'content-type': 'image/png' }),
      chunked(await multipart.arrayBuffer(), { 'content-type': type }),
    ]) {
      const { status, code } = await refused(asked);
      t.same([status, code], [413, 'UPLOAD_TOO_LARGE']);
    }
  }
  const { status } = await api('/readyz');
  t.equal(status, 200);
});

await t.test('more pixels than are taken, told from the header alone', async (t) => {
  // 30,000 × 30,000 pixels, none of which are there.
  const header = await plain(1, 1).png().toBuffer();
  header.writeUInt32BE(30_000, 16);
  header.writeUInt32BE(30_000, 20);
  t.match(await refused(form(header, { presets: ['thumbnail'] })), {
    status: 422,
    code: 'INPUT_TOO_MANY_PIXELS',
  });

  // Each frame is within the limit; all of them are not.
  const frames = Array.from({ length: 9 }, () => plain(500, 500).png().toBuffer());
  const gif = await animation(await Promise.all(frames));
  t.match(await refused(raw(gif)), { status: 422, code: 'INPUT_TOO_MANY_PIXELS' });
});

await t.test('truncated pixels: the job fails once and for all, and the original stays', async (t) => {
  const whole = await noise(400, 300).jpeg().toBuffer();
  const file = whole.subarray(0, whole.length * 0.6);
  const { status, body } = await upload(api, file, { presets: ['thumbnail'] });
  t.equal(status, 202);
  const job = await ended(api, body.job);
  t.match(job, {
    state: 'failed',
    attempts: { made: 1, max: 3 },
    error: { type: '/problems/IMAGE_CORRUPT', code: 'IMAGE_CORRUPT', status: 422 },
    result: null,
  });
  t.ok((await api(body.image.links.content)).bytes.equals(file));
  const again = await upload(api, file, { presets: ['small'], prefer: 'wait=30' });
  t.equal(again.status, 201);
  t.match(again.body, {
    image: { id: body.image.id },
    job: { state: 'failed', error: { code: 'IMAGE_CORRUPT' } },
  });
  t.same(again.body.image.renditions, []);
  t.same(await filesLeft(service), []);
});
