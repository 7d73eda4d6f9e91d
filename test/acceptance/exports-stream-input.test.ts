import t from 'tap';
import type { ProblemBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { startService } from '../helpers/service.js';
import { insertNastyRows, nastyTexts } from '../lib/exports/rows.js';

const service = await startService(t, { env: { ROLE: 'api' } });
// A busy machine may find itself overloaded while it starts.
await eventually(async () => (await fetch(`${service.url}/v1/presets`)).ok || undefined);
const api = await openApi(service.url);
await insertNastyRows(connect(t, service.databaseUrl ?? ''));

await t.test('each kind of bad input is named, and what is known is listed', async (t) => {
  for (const [query, code, path, known] of [
    ['', 'VALIDATION_FAILED', 'dataset', 'renditions'],
    ['dataset=presets', 'VALIDATION_FAILED', 'dataset', '"presets"'],
    ['dataset=presets', 'VALIDATION_FAILED', 'dataset', 'images'],
    ['dataset=images&dataset=jobs', 'VALIDATION_FAILED', 'dataset', 'renditions'],
    ['dataset=constructor', 'VALIDATION_FAILED', 'dataset', 'jobs'],
    ['dataset=images&format=xml', 'VALIDATION_FAILED', 'format', 'ndjson'],
    ['dataset=images&format=parquet', 'VALIDATION_FAILED', 'format', 'csv'],
    ['dataset=images&fields=id,colour', 'FIELD_UNKNOWN', 'fields', 'renditions.url'],
    ['dataset=images&fields[images]=colour', 'FIELD_UNKNOWN', 'fields[images]', 'filename'],
    ['dataset=images&fields=', 'FIELD_UNKNOWN', 'fields', 'filename'],
    ['dataset=images&fields=id,,width', 'FIELD_UNKNOWN', 'fields', 'filename'],
    ['dataset=images&fields=__proto__', 'FIELD_UNKNOWN', 'fields', 'filename'],
    ['dataset=jobs&fields=request', 'FIELD_UNKNOWN', 'fields', 'attempts.made'],
    ['dataset=jobs&fields[images]=id', 'VALIDATION_FAILED', 'fields[images]', 'fields[jobs]'],
    ['dataset=images&state=failed', 'VALIDATION_FAILED', 'state', 'minWidth'],
    ['dataset=renditions&minWidth=1', 'VALIDATION_FAILED', 'minWidth', 'imageId'],
    ['dataset=images&limit=10', 'VALIDATION_FAILED', 'limit', 'createdAfter'],
    ['dataset=images&minWidth=wide', 'VALIDATION_FAILED', 'minWidth', 'integer'],
    ['dataset=images&minWidth=-1', 'VALIDATION_FAILED', 'minWidth', '0'],
    ['dataset=images&contentType=text/plain', 'VALIDATION_FAILED', 'contentType', 'image/avif'],
    ['dataset=images&createdAfter=yesterday', 'VALIDATION_FAILED', 'createdAfter', 'date-time'],
    ['dataset=images&createdAfter=2016-12-31T23:59:60Z', 'VALIDATION_FAILED', 'createdAfter', 'time'],
    ['dataset=images&filename=a%00b', 'VALIDATION_FAILED', 'filename', 'NUL'],
    ['dataset=jobs&state=done', 'VALIDATION_FAILED', 'state', 'queued'],
    ['dataset=jobs&imageId=nope', 'VALIDATION_FAILED', 'imageId', 'uuid'],
    [
      'dataset=jobs&imageId=urn:uuid:018f0000-0005-7000-8000-000000000005',
      'VALIDATION_FAILED',
      'imageId',
      'UUID',
    ],
    ['dataset=images&sort=width', 'VALIDATION_FAILED', 'sort', '-createdAt'],
    ['dataset=images&delimiter=,,', 'VALIDATION_FAILED', 'delimiter', '";"'],
    ['dataset=images&delimiter=', 'VALIDATION_FAILED', 'delimiter', '";"'],
    ['dataset=images&delimiter=x', 'VALIDATION_FAILED', 'delimiter', '";"'],
    ['dataset=images&bom=maybe', 'VALIDATION_FAILED', 'bom', 'boolean'],
    ['dataset=images&format=ndjson&bom=true', 'VALIDATION_FAILED', 'bom', 'csv'],
    ['dataset=images&format=json&delimiter=;', 'VALIDATION_FAILED', 'delimiter', 'csv'],
    ['dataset=images&format=ndjson&formulaGuard=false', 'VALIDATION_FAILED', 'formulaGuard', 'csv'],
  ] as const) {
    const { status, body, headers } = await api<ProblemBody>(`/v1/exports/stream?${query}`);
    t.same([status, body.code, body.errors?.[0]?.path], [400, code, path], query);
    t.ok(body.detail.includes(known), `${query}: ${body.detail}`);
    t.equal(headers.get('content-disposition'), null, 'an error is not saved as a file');
  }
});

await t.test('large numbers are only numbers', async (t) => {
  for (const [query, rows] of [
    ['minWidth=99999999999', 0],
    ['maxBytes=9007199254740994', nastyTexts.length],
  ] as const) {
    const { status, bytes } = await api(`/v1/exports/stream?dataset=images&format=ndjson&fields=id&${query}`);
    t.equal(status, 200);
    t.equal(String(bytes).split('\n').length - 1, rows, query);
  }
});

await t.test('other methods are not allowed', async (t) => {
  t.equal((await api('/v1/exports/stream?dataset=jobs', { method: 'PUT' })).status, 405);
  // To these it is the id of an export, and there is none of that id.
  for (const method of ['HEAD', 'DELETE'])
    t.equal((await api('/v1/exports/stream?dataset=jobs', { method })).status, 404, method);
});

interface Parameter {
  readonly name: string;
  readonly schema: object;
}

await t.test('the filters are those of the lists, and the document says so', async (t) => {
  const { body } = await api<{ paths: Record<string, { get: { parameters: Parameter[] } }> }>(
    '/openapi.json',
  );
  const parameters = (path: string) =>
    new Map(body.paths[path]?.get.parameters.map(({ name, ...rest }) => [name, rest]));
  const exported = parameters('/v1/exports/stream');
  for (const path of ['/v1/images', '/v1/jobs', '/v1/images/{id}/renditions']) {
    for (const [name, described] of parameters(path)) {
      if (/^(id|limit|after|before|page|withTotal|fields.*)$/.test(name)) continue;
      t.ok(exported.has(name), `${path} ${name}`);
      if (path === '/v1/jobs' || name !== 'contentType')
        t.same(exported.get(name)?.schema, described.schema, `${path} ${name}`);
    }
  }
});
