import { createHash } from 'node:crypto';
import t from 'tap';
import type { Image } from '../../lib/images/image.js';
import type { Upload } from '../../lib/uploads/upload.js';
import { ended, type ListBody, madeBy, type ProblemBody, upload } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { storedFiles } from '../helpers/faults.js';
import { noise, picture, plain } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';
import { begin, metadataOf, sendPart, tusHeaders, tusUpload } from '../helpers/tus.js';

const service = await startService(t, { env: { MAX_UPLOAD_BYTES: '4000000' } });
const api = await openApi(service.url);
const images = async () => (await api<ListBody<Image>>('/v1/images?withTotal=true')).body.pagination.total;

await t.test('what is spoken', async (t) => {
  const { status, headers } = await api('/v1/uploads', { method: 'OPTIONS' });
  t.equal(status, 204);
  t.equal(headers.get('tus-version'), '1.0.0');
  t.equal(headers.get('tus-extension'), 'creation,creation-with-upload,termination,expiration,checksum');
  t.equal(headers.get('tus-checksum-algorithm'), 'sha1,sha256,sha512,md5');
  t.equal(headers.get('tus-max-size'), '4000000');
  t.equal(headers.get('access-control-allow-origin'), null);
});

await t.test('a picture in parts becomes what it becomes in one piece', async (t) => {
  const file = await noise(700, 500).png().toBuffer();
  const renditions = [{ width: 90, format: 'webp', name: 'tiny' }];
  const { headers, id } = await tusUpload(service.url, file, {
    chunkSize: 200_000,
    metadata: {
      filename: 'über alles.png',
      filetype: 'image/png',
      preset: 'thumbnail,small',
      renditions: JSON.stringify(renditions),
      metadata: '{"a":[1]}',
    },
  });
  const job = await ended(api, { id: (headers.get('halftone-job') ?? '').replace('/v1/jobs/', '') });
  t.equal(job.state, 'completed');
  t.same(
    madeBy(job)
      .map(({ name }) => name)
      .sort(),
    ['small', 'thumbnail', 'tiny'],
  );
  const { body: image } = await api<Image>(headers.get('halftone-image') ?? '');
  t.match(image, {
    filename: 'über alles.png',
    contentType: 'image/png',
    bytes: file.length,
    width: 700,
    sha256: createHash('sha256').update(file).digest('hex'),
    metadata: { a: [1] },
  });
  t.same((await api(image.links.content)).bytes, file);
  const { body } = await api<Upload>(`/v1/uploads/${id}`);
  t.match(body, {
    id,
    offset: file.length,
    size: file.length,
    imageId: image.id,
    jobId: job.id,
    error: null,
  });
  t.same(await storedFiles(service, 'uploads'), []);
  t.same(await storedFiles(service, 'tmp'), []);
  const again = await upload(api, file, { filename: 'x.png' });
  t.equal(again.body.image.id, image.id, 'the same bytes are the same image');
});

await t.test('the end may be repeated, and nothing is made twice', async (t) => {
  const file = await picture();
  const path = await begin(api, file.length, { preset: 'thumbnail' });
  const [half, rest] = [file.subarray(0, 1000), file.subarray(1000)];
  t.equal((await sendPart(api, path, 0, half)).status, 204);
  const done = await sendPart(api, path, half.length, rest);
  t.equal(done.headers.get('upload-offset'), String(file.length));
  const repeated = await sendPart<ProblemBody>(api, path, half.length, rest);
  t.same([repeated.status, repeated.body.code], [409, 'UPLOAD_OFFSET_CONFLICT']);
  const empty = await sendPart(api, path, file.length, Buffer.alloc(0));
  const head = await api(path, { method: 'HEAD', headers: tusHeaders });
  for (const { headers } of [empty, head]) {
    t.equal(headers.get('upload-offset'), String(file.length));
    for (const name of ['halftone-image', 'halftone-job']) t.equal(headers.get(name), done.headers.get(name));
  }
  const { body } = await api<ListBody<unknown>>(
    `/v1/jobs?imageId=${done.headers.get('halftone-image')?.slice('/v1/images/'.length)}`,
  );
  t.equal(body.data.length, 1);
});

await t.test('a picture whose first part comes with its creation, and one that comes whole', async (t) => {
  for (const length of [500, Number.POSITIVE_INFINITY]) {
    const file = await picture();
    const first = file.subarray(0, length);
    const made = await api('/v1/uploads', {
      method: 'POST',
      headers: {
        ...tusHeaders,
        'upload-length': String(file.length),
        'content-type': 'application/offset+octet-stream',
      },
      body: new Uint8Array(first),
    });
    t.equal(made.status, 201);
    t.equal(made.headers.get('upload-offset'), String(first.length));
    t.equal(made.headers.has('upload-expires'), first.length < file.length);
    const path = made.headers.get('location') ?? '';
    const rest = await sendPart(api, path, first.length, file.subarray(first.length));
    const image = await api<Image>(rest.headers.get('halftone-image') ?? '');
    t.equal(image.body.bytes, file.length);
    t.equal(rest.headers.get('halftone-job'), null, 'nothing was asked for');
  }
});

await t.test('what is wrong with the fields is said before bytes are sent', async (t) => {
  const faults: [Record<string, string>, string, string][] = [
    [{ preset: 'thumbnail,nope' }, 'PRESET_UNKNOWN', 'preset'],
    [{ presets: 'thumbnail' }, 'FIELD_UNKNOWN', 'presets'],
    [{ renditions: '[{"width":0}]' }, 'VALIDATION_FAILED', 'renditions.0.width'],
    [{ renditions: '{' }, 'VALIDATION_FAILED', 'renditions'],
    [{ metadata: '[1]' }, 'VALIDATION_FAILED', 'metadata'],
    [{ priority: 'soon' }, 'VALIDATION_FAILED', 'priority'],
    [{ runAt: 'later' }, 'VALIDATION_FAILED', 'runAt'],
  ];
  for (const [fields, code, path] of faults) {
    const { status, body } = await api<ProblemBody>('/v1/uploads', {
      method: 'POST',
      headers: { ...tusHeaders, 'upload-length': '5', 'upload-metadata': metadataOf(fields) },
    });
    t.same([status, body.code], [400, code], path);
    t.match(body.errors?.[0]?.path ?? body.detail, path);
  }
});

await t.test('other requests that cannot be served', async (t) => {
  const post = (headers: Record<string, string>) =>
    api<ProblemBody>('/v1/uploads', { method: 'POST', headers });
  const path = await begin(api, 5, {});
  const patch = (headers: Record<string, string>, at = path) =>
    api<ProblemBody>(at, {
      method: 'PATCH',
      headers: {
        ...tusHeaders,
        'content-type': 'application/offset+octet-stream',
        'upload-offset': '0',
        ...headers,
      },
      body: 'hello world',
    });
  const missing = '/v1/uploads/01890000-0000-7000-8000-000000000000';
  const answers = [
    [await post({ 'upload-length': '5' }), 412, 'TUS_VERSION_UNSUPPORTED'],
    [await post({ ...tusHeaders, 'tus-resumable': '0.2.2', 'upload-length': '5' }), 400, 'BAD_REQUEST'],
    [await post(tusHeaders), 400, 'BAD_REQUEST'],
    [await post({ ...tusHeaders, 'upload-length': '-1' }), 400, 'BAD_REQUEST'],
    [await post({ ...tusHeaders, 'upload-length': '0' }), 400, 'BODY_EMPTY'],
    [await post({ ...tusHeaders, 'upload-length': '4000001' }), 413, 'UPLOAD_TOO_LARGE'],
    [
      await post({ ...tusHeaders, 'upload-length': '5', 'upload-metadata': 'a b c' }),
      400,
      'VALIDATION_FAILED',
    ],
    [await post({ ...tusHeaders, 'upload-defer-length': '1' }), 501, 'TUS_EXTENSION_UNSUPPORTED'],
    [
      await post({ ...tusHeaders, 'upload-length': '5', 'upload-concat': 'partial' }),
      501,
      'TUS_EXTENSION_UNSUPPORTED',
    ],
    [await patch({}), 413, 'UPLOAD_TOO_LARGE'],
    [await patch({ 'upload-offset': '3' }), 409, 'UPLOAD_OFFSET_CONFLICT'],
    [await patch({ 'content-type': 'image/png' }), 415, 'MEDIA_TYPE_UNSUPPORTED'],
    [await patch({ 'upload-checksum': 'crc7 AAAA' }), 400, 'VALIDATION_FAILED'],
    [await patch({ 'upload-checksum': 'sha1 AAAA' }), 400, 'VALIDATION_FAILED'],
    [await patch({}, missing), 404, 'UPLOAD_NOT_FOUND'],
    [await patch({}, '/v1/uploads/nope'), 404, 'UPLOAD_NOT_FOUND'],
    [await api<ProblemBody>(missing), 404, 'UPLOAD_NOT_FOUND'],
  ] as const;
  for (const [{ status, body, headers }, expected, code] of answers) {
    t.same([status, body?.code], [expected, code], body?.detail);
    if (code !== 'UPLOAD_NOT_FOUND') t.equal(headers.get('tus-resumable'), '1.0.0');
  }
});

await t.test('a part that is not what its checksum says does not count', async (t) => {
  const file = await picture();
  const path = await begin(api, file.length, {});
  const half = file.subarray(0, 3000);
  const checksum = (algorithm: string, bytes: Buffer): Record<string, string> => ({
    'upload-checksum': `${algorithm} ${createHash(algorithm).update(bytes).digest('base64')}`,
  });
  const wrong = await sendPart<ProblemBody>(api, path, 0, half, checksum('sha1', file));
  t.same([wrong.status, wrong.body.code], [460, 'CHECKSUM_MISMATCH']);
  t.equal((await api(path, { method: 'HEAD', headers: tusHeaders })).headers.get('upload-offset'), '0');
  t.equal((await sendPart(api, path, 0, half, checksum('sha1', half))).status, 204);
  const rest = file.subarray(half.length);
  const damaged = Buffer.from(rest).fill(0, 5);
  t.equal((await sendPart(api, path, half.length, damaged, checksum('sha256', rest))).status, 460);
  const done = await sendPart(api, path, half.length, rest, checksum('sha256', rest));
  const image = await api<Image>(done.headers.get('halftone-image') ?? '');
  t.equal(image.body.sha256, createHash('sha256').update(file).digest('hex'));
});

await t.test('an upload that is given up is gone', async (t) => {
  const file = await picture();
  const path = await begin(api, file.length, {});
  await sendPart(api, path, 0, file.subarray(0, 3000));
  t.equal((await storedFiles(service, 'uploads')).length, 1);
  t.equal((await api(path, { method: 'DELETE', headers: tusHeaders })).status, 204);
  t.same(await storedFiles(service, 'uploads'), []);
  for (const method of ['HEAD', 'DELETE', 'GET'])
    t.equal((await api(path, { method, headers: tusHeaders })).status, 404, method);
});

await t.test('what is no image is refused with its first bytes, and says so ever after', async (t) => {
  const before = await images();
  const junk = Buffer.alloc(10_000, 'no image ');
  for (const parts of [[junk.subarray(0, 5000)], [junk.subarray(0, 100), junk.subarray(100)]]) {
    const path = await begin(api, junk.length, {});
    let [answer, at] = [await sendPart<ProblemBody>(api, path, 0, parts[0] ?? junk), parts[0]?.length ?? 0];
    for (const part of parts.slice(1)) {
      t.equal(answer.status, 204);
      answer = await sendPart<ProblemBody>(api, path, at, part);
      at += part.length;
    }
    t.same([answer.status, answer.body.code], [415, 'MEDIA_TYPE_UNSUPPORTED']);
    t.equal((await api(path, { method: 'HEAD', headers: tusHeaders })).status, 415);
    const { body } = await api<Upload>(path);
    t.match(body, { imageId: null, error: { code: 'MEDIA_TYPE_UNSUPPORTED', status: 415 } });
  }
  const torn = (await plain(50, 50).jpeg().toBuffer()).subarray(0, 60);
  const path = await begin(api, torn.length, {});
  const answer = await sendPart<ProblemBody>(api, path, 0, torn);
  const plainly = await upload<ProblemBody>(api, torn);
  t.same([answer.status, answer.body.code], [plainly.status, plainly.body.code], 'as in one piece');
  t.equal(await images(), before);
  t.same(await storedFiles(service, 'uploads'), []);
});

await t.test('options that do not fit the image, which is known at the end only', async (t) => {
  const file = await plain(50, 50).png().toBuffer();
  const renditions = JSON.stringify([{ crop: { left: 40, top: 40, width: 20, height: 20 } }]);
  const path = await begin(api, file.length, { renditions });
  const { status, body } = await sendPart<ProblemBody>(api, path, 0, file);
  t.same([status, body.code], [422, 'OPTIONS_UNPROCESSABLE']);
});

await t.test('a file of one byte', async (t) => {
  const path = await begin(api, 1, {});
  t.equal((await sendPart(api, path, 0, Buffer.from('x'))).status, 415);
});

await t.test('nothing is left in the way', async (t) => {
  t.same(await storedFiles(service, 'tmp'), []);
});
