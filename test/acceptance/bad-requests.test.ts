import { randomUUID } from 'node:crypto';
import t from 'tap';
import { type ProblemBody, uploadAndWait } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

const service = await startService(t, { env: { MAX_OUTPUT_PIXELS: '1000000' } });
const api = await openApi(service.url);
const file = await picture();
const { image, renditions, job } = await uploadAndWait(api, file, { presets: ['thumbnail'] });
const rendition = renditions[0]?.id;

/** Asks for one rendition in each way there is: JSON, a form and a query. */
async function askFor(options: Record<string, unknown>): Promise<(ProblemBody & { status: number })[]> {
  const form = new FormData();
  form.append('renditions', JSON.stringify([options]));
  form.append('file', new Blob([new Uint8Array(file)]), 'picture.png');
  const asked = {
    [`/v1/images/${image.id}/renditions`]: { method: 'POST', json: { renditions: [options] } },
    '/v1/images': { method: 'POST', body: form },
  };
  return Promise.all(
    Object.entries(asked).map(async ([path, request]) => {
      const { status, body } = await api<ProblemBody>(path, request);
      return { ...body, status };
    }),
  );
}

await t.test('options that are not right: 400 with the path of the field', async (t) => {
  const rows: [Record<string, unknown>, string][] = [
    [{ colour: 'red' }, 'colour'],
    [{ width: 0 }, 'width'],
    [{ width: 100_000 }, 'width'],
    [{ width: -1 }, 'width'],
    [{ width: 1.5 }, 'width'],
    [{ width: null }, 'width'],
    [{ width: '512' }, 'width'],
    [{ height: 16_385 }, 'height'],
    [{ height: [10] }, 'height'],
    [{ width: 10, quality: 101 }, 'quality'],
    [{ width: 10, quality: 0 }, 'quality'],
    [{ format: 'bmp' }, 'format'],
    [{ fit: 'squeeze' }, 'fit'],
    [{ background: 'no colour' }, 'background'],
    [{ crop: { left: 0, top: 0, width: 0, height: 5 } }, 'crop.width'],
    [{ name: '../up' }, 'name'],
  ];
  for (const [options, path] of rows) {
    for (const { status, code, errors } of await askFor(options)) {
      t.same([status, code], [400, 'VALIDATION_FAILED'], JSON.stringify(options));
      t.ok(
        errors?.some((error) => error.path === `renditions.0.${path}` && error.message.length > 0),
        `${JSON.stringify(errors)} names ${path}`,
      );
    }
  }
});

await t.test('every wrong field is named at once', async (t) => {
  for (const { errors } of await askFor({ width: 0, height: 0, quality: 101, colour: 'red' })) {
    t.same(
      new Set(errors?.map(({ path }) => path.split('.').at(-1))),
      new Set(['width', 'height', 'quality', 'colour']),
    );
  }
});

await t.test('the same in the query of a raw upload', async (t) => {
  for (const [query, path] of [
    ['width=NaN', 'width'],
    ['width=0', 'width'],
    ['width=100000', 'width'],
    ['width=512px', 'width'],
    ['width=10&width=20', 'width'],
    ['quality=101', 'quality'],
    ['colour=red', 'colour'],
    ['flip=maybe', 'flip'],
    ['metadata=%7B', 'metadata'],
    ['preset=nope', 'preset'],
  ] as const) {
    const { status, body } = await api<ProblemBody>(`/v1/images?${query}`, {
      method: 'POST',
      body: new Uint8Array(file),
      headers: { 'content-type': 'image/png' },
    });
    t.equal(status, 400, query);
    t.equal(body.errors?.[0]?.path, path, query);
  }
});

await t.test('unknown presets', async (t) => {
  const { status, body } = await api<ProblemBody>(`/v1/images/${image.id}/renditions`, {
    method: 'POST',
    json: { presets: ['thumbnail', 'nope'] },
  });
  t.match({ status, ...body }, { status: 400, code: 'PRESET_UNKNOWN', errors: [{ path: 'presets' }] });
  t.match(body.detail, /"nope".*thumbnail, small, medium, large/);
});

await t.test('a rendition that would have too many pixels', async (t) => {
  for (const { status, code, errors } of await askFor({
    width: 1001,
    height: 1000,
    withoutEnlargement: false,
  })) {
    t.same([status, code], [422, 'OUTPUT_TOO_MANY_PIXELS']);
    t.match(errors?.[0]?.path, /^renditions\.0\./);
  }
  for (const { status, code } of await askFor({ crop: { left: 60, top: 0, width: 60, height: 10 } })) {
    t.same([status, code], [422, 'OPTIONS_UNPROCESSABLE']);
  }
});

await t.test('asking for nothing, or in no way that is known', async (t) => {
  const path = `/v1/images/${image.id}/renditions`;
  for (const json of [
    {},
    { renditions: [] },
    { rendition: [{}] },
    { renditions: {} },
    { priority: 'urgent' },
    [],
    'x',
    null,
  ]) {
    const { status, body } = await api<ProblemBody>(path, { method: 'POST', json });
    t.same([status, body.code], [400, 'VALIDATION_FAILED'], JSON.stringify(json));
  }
  for (const [body, code] of [
    ['{"renditions":', 'JSON_INVALID'],
    ['', 'BODY_EMPTY'],
    ['{"__proto__":{"x":1}}', 'JSON_INVALID'],
  ] as const) {
    const answer = await api<ProblemBody>(path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    t.same([answer.status, answer.body.code], [400, code], body);
  }
  const xml = await api<ProblemBody>(path, {
    method: 'POST',
    body: '<x/>',
    headers: { 'content-type': 'text/xml' },
  });
  t.same([xml.status, xml.body.code], [415, 'MEDIA_TYPE_UNSUPPORTED']);
  t.equal(xml.headers.get('accept'), 'application/json');
  const large = await api<ProblemBody>(path, { method: 'POST', json: { presets: ['x'.repeat(2_000_000)] } });
  t.same([large.status, large.body.code], [413, 'BODY_TOO_LARGE']);
});

await t.test('ids that do not exist, and ids that are none', async (t) => {
  const missing = 'IMAGE_NOT_FOUND';
  for (const id of [
    randomUUID(),
    'nope',
    '1',
    "'; drop table images; --",
    '%00',
    '..%2f..',
    'x'.repeat(300),
  ]) {
    for (const [method, path, code] of [
      ['GET', `/v1/images/${id}`, missing],
      ['DELETE', `/v1/images/${id}`, missing],
      ['GET', `/v1/images/${id}/content`, missing],
      ['HEAD', `/v1/images/${id}/content`, missing],
      ['GET', `/v1/images/${id}/renditions`, missing],
      ['GET', `/v1/images/${image.id}/renditions/${id}`, 'RENDITION_NOT_FOUND'],
      ['GET', `/v1/images/${image.id}/renditions/${id}/content`, 'RENDITION_NOT_FOUND'],
      ['GET', `/v1/images/${id}/renditions/${rendition}/content`, 'RENDITION_NOT_FOUND'],
      ['GET', `/v1/jobs/${id}`, 'JOB_NOT_FOUND'],
    ] as const) {
      const { status, body } = await api<ProblemBody | undefined>(path, { method });
      t.equal(status, 404, `${method} ${path}`);
      if (id.length < 100 && method !== 'HEAD') t.equal(body?.code, code, `${method} ${path}`);
    }
    const patch = { method: 'PATCH', json: { filename: 'x' }, headers: { 'if-match': '*' } };
    t.equal((await api(`/v1/images/${id}`, patch)).status, 404);
    const post = { method: 'POST', json: { presets: ['thumbnail'] } };
    t.equal((await api(`/v1/images/${id}/renditions`, post)).status, 404);
  }
  const unreadable = await api<ProblemBody>('/v1/images/%zz');
  t.same([unreadable.status, unreadable.body.code], [400, 'BAD_REQUEST']);
  for (const path of ['/', '/v1', '/v1/nope', '/v2/images', '/favicon.ico']) {
    const { status, body } = await api<ProblemBody>(path);
    t.same([status, body.code], [404, 'NOT_FOUND'], path);
  }
});

await t.test('methods that a path does not take: 405 with those it does', async (t) => {
  for (const [method, path, allow] of [
    ['PUT', '/v1/images', 'GET, HEAD, POST'],
    ['POST', `/v1/images/${image.id}`, 'GET, HEAD, PATCH, DELETE'],
    ['DELETE', `/v1/images/${image.id}/content`, 'GET, HEAD'],
    ['PUT', `/v1/images/${image.id}/renditions`, 'GET, HEAD, POST'],
    ['PUT', `/v1/jobs/${job.id}`, 'GET, HEAD, DELETE'],
    ['POST', '/v1/jobs', 'GET, HEAD'],
    ['POST', '/v1/presets', 'GET, HEAD'],
    ['POST', '/v1/presets/mine', 'PUT, DELETE'],
    ['DELETE', '/healthz', 'GET, HEAD'],
  ] as const) {
    const { status, headers, body } = await api<ProblemBody>(path, { method });
    t.same([status, body.code], [405, 'METHOD_NOT_ALLOWED'], `${method} ${path}`);
    t.same(new Set(headers.get('allow')?.split(', ')), new Set(allow.split(', ')), `${method} ${path}`);
  }
});
