import { Validator } from '@seriousme/openapi-schema-validator';
import t from 'tap';
import { openApi } from '../helpers/contract.js';
import { startService } from '../helpers/service.js';

const service = await startService(t, { env: { ROLE: 'api' } });
const api = await openApi(service.url);

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { summary?: string; tags?: string[] }>>>>;
}

await t.test('the OpenAPI document is valid, and describes every operation', async (t) => {
  const { headers, body } = await api<Document>('/openapi.json');
  t.match(headers.get('content-type'), /^application\/json/);
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(body)));
  t.ok(valid, JSON.stringify(errors));
  t.match(body.openapi, /^3\.1\./);
  const operations = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation })),
  );
  for (const { name, summary, tags } of operations)
    t.ok(summary && tags?.length === 1, `${name} says what it does`);
  const expected = [
    'post /v1/images',
    'get /v1/images',
    'get /v1/images/{id}',
    'patch /v1/images/{id}',
    'delete /v1/images/{id}',
    'get /v1/images/{id}/content',
    'head /v1/images/{id}/content',
    'post /v1/uploads',
    'options /v1/uploads',
    'get /v1/uploads/{id}',
    'patch /v1/uploads/{id}',
    'delete /v1/uploads/{id}',
    'get /v1/images/{id}/renditions',
    'post /v1/images/{id}/renditions',
    'get /v1/images/{id}/renditions/{rid}',
    'get /v1/images/{id}/renditions/{rid}/content',
    'head /v1/images/{id}/renditions/{rid}/content',
    'get /v1/jobs',
    'get /v1/jobs/{id}',
    'get /v1/jobs/events',
    'get /v1/jobs/{id}/events',
    'delete /v1/jobs/{id}',
    'post /v1/jobs/{id}/retry',
    'post /v1/batches',
    'post /v1/imports',
    'get /v1/imports/{id}/report',
    'get /v1/schedules',
    'post /v1/schedules',
    'get /v1/schedules/{id}',
    'patch /v1/schedules/{id}',
    'delete /v1/schedules/{id}',
    'get /v1/queues',
    'post /v1/queues/{name}/{action}',
    'get /v1/exports/stream',
    'post /v1/exports',
    'get /v1/exports',
    'get /v1/exports/{id}',
    'delete /v1/exports/{id}',
    'post /v1/exports/{id}/repeat',
    'get /v1/exports/{id}/content',
    'head /v1/exports/{id}/content',
    'get /v1/presets',
    'put /v1/presets/{name}',
    'delete /v1/presets/{name}',
    'post /v1/webhooks',
    'get /v1/webhooks',
    'get /v1/webhooks/{id}',
    'patch /v1/webhooks/{id}',
    'delete /v1/webhooks/{id}',
    'post /v1/webhooks/{id}/rotate',
    'get /v1/webhooks/{id}/deliveries',
    'post /v1/webhooks/{id}/deliveries/{deliveryId}/replay',
    'get /v1/tenants',
    'get /v1/tenants/{id}',
    'patch /v1/tenants/{id}',
    'get /v1/keys',
    'post /v1/keys',
    'post /v1/keys/{id}/rotate',
    'delete /v1/keys/{id}',
    'post /v1/images/{id}/links',
    'post /v1/images/{id}/renditions/{rid}/links',
    'post /v1/exports/{id}/links',
    'get /healthz',
    'get /readyz',
    'get /problems/{code}',
  ];
  t.same(operations.map(({ name }) => name).sort(), expected.sort());
});

await t.test('the pages load under their own content security policy', async (t) => {
  const { status, headers, bytes } = await api('/docs');
  t.equal(status, 200);
  t.match(headers.get('content-type'), /^text\/html/);
  const policy = headers.get('content-security-policy') ?? '';
  t.match(policy, /script-src 'self'(;|$)/, 'scripts of its own origin only');
  t.notMatch(policy, /upgrade-insecure-requests/, 'it is served over plain HTTP');
  t.equal(headers.get('x-frame-options'), 'SAMEORIGIN');
  const page = String(bytes);
  t.notMatch(page, /<script(?![^>]*\ssrc=)[^>]*>\s*\S/, 'no script stands in the page');
  const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
  t.ok(assets.length > 3);
  for (const asset of assets) {
    const { pathname, origin } = new URL(asset, `${service.url}/docs/`);
    t.equal(origin, service.url, asset);
    t.equal((await api(pathname)).status, 200, asset);
  }
  t.match(String((await api('/docs/static/swagger-initializer.js')).bytes), /"\/openapi\.json"/);
});

await t.test('answers of the API carry no headers that are for pages', async (t) => {
  const { headers } = await api('/v1/images');
  for (const name of ['content-security-policy', 'x-frame-options', 'strict-transport-security']) {
    t.equal(headers.get(name), null, name);
  }
});
