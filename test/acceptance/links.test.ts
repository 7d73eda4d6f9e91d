import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Export } from '../../lib/exports/export.js';
import { type ProblemBody, uploadAndWait } from '../helpers/client.js';
import { type Api, openApi } from '../helpers/contract.js';
import { eventually } from '../helpers/events.js';
import { makeKey, withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startService } from '../helpers/service.js';

/** The answer of the link routes. */
interface Made {
  readonly url: string;
  readonly expiresAt: string;
}

const service = await startService(t, { env: { AUTH: 'on', RESIZE_THREADS: '1' } });
const browser = await openApi(service.url);
const operator = withKey(browser, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());
const { api } = await makeKey(operator, browser, { tenant: 'acme', role: 'writer' });
const { image, renditions } = await uploadAndWait(api, await picture(), {
  renditions: [{ width: 10, format: 'webp' }],
});
const rendition = renditions[0]?.id;

const make = (path: string, json?: object, as: Api = api) =>
  as<Made>(`${path}/links`, { method: 'POST', ...(json && { json }) });

await t.test('an original, a rendition and an export are loaded without a key', async (t) => {
  const original = await make(`/v1/images/${image.id}`);
  t.equal(original.status, 201);
  t.ok(original.body.url.startsWith(service.url));
  const loaded = await browser(original.body.url);
  t.equal(loaded.status, 200);
  t.match(loaded.headers.get('content-disposition'), /^attachment/);
  t.equal(loaded.bytes.length, image.bytes);
  t.equal((await browser(original.body.url, { method: 'HEAD' })).status, 200);
  const part = await browser(original.body.url, { headers: { range: 'bytes=0-9' } });
  t.equal(part.status, 206);

  const shown = await make(`/v1/images/${image.id}/renditions/${rendition}`);
  t.match((await browser(shown.body.url)).headers.get('content-disposition'), /^inline/);
  const stored = await make(`/v1/images/${image.id}/renditions/${rendition}`, { download: true });
  t.match((await browser(stored.body.url)).headers.get('content-disposition'), /^attachment/);

  const { body } = await api<{ export: Export }>('/v1/exports', {
    method: 'POST',
    json: { dataset: 'images', format: 'csv' },
    headers: { prefer: 'wait=30' },
  });
  const exported = await make(`/v1/exports/${body.export.id}`);
  t.match(String((await browser(exported.body.url)).bytes), new RegExp(image.id));
});

await t.test('a link opens its file alone, as it is, until it expires', async (t) => {
  const { body } = await make(`/v1/images/${image.id}`, { expiresIn: 2 });
  const { url } = body;
  const refusal = async (changed: string) => (await browser<ProblemBody>(changed)).body.code;
  t.equal(await refusal(url.replace('/content', '')), 'LINK_INVALID', 'no other route');
  t.equal(await refusal(url.replace('acme', 'default')), 'LINK_INVALID');
  t.equal(await refusal(url.replace(/expires=(\d+)/, 'expires=9999999999')), 'LINK_INVALID');
  t.equal(await refusal(`${url}&download=1`), 'LINK_INVALID');
  t.equal(await refusal(url.replace(/signature=.+/, 'signature=')), 'LINK_INVALID');
  const other = await browser<ProblemBody>(url, { method: 'DELETE' });
  t.not(other.status, 204);
  t.equal(await eventually(async () => (await refusal(url)) || undefined), 'LINK_EXPIRED');
  t.ok(Date.parse(body.expiresAt) <= Date.now());
});

await t.test('bad input is named; a link lives no longer than its key, and needs a writer', async (t) => {
  for (const expiresIn of [0, 604_801, 1.5, 'long']) {
    const { status, bytes } = await make(`/v1/images/${image.id}`, { expiresIn });
    t.equal(status, 400, String(expiresIn));
    t.match(String(bytes), /expiresIn/);
  }
  t.equal((await make('/v1/images/0198c0de-0000-7000-8000-000000000000')).status, 404);
  const expiresAt = new Date(Math.floor(Date.now() / 1000) * 1000 + 60_000).toISOString();
  const brief = await makeKey(operator, browser, { tenant: 'acme', role: 'writer', expiresAt });
  t.equal((await make(`/v1/images/${image.id}`, { expiresIn: 3600 }, brief.api)).body.expiresAt, expiresAt);
  const reader = await makeKey(operator, browser, { tenant: 'acme', role: 'reader' });
  t.equal((await make(`/v1/images/${image.id}`, undefined, reader.api)).status, 403);
  t.equal((await make(`/v1/images/${image.id}`, undefined, operator)).status, 404, 'another tenant’s');
});

await t.test('every process of a service opens the links of the others', async (t) => {
  const { databaseUrl, dataDir } = service;
  const other = await startService(t, { databaseUrl, dataDir, env: { AUTH: 'on', ROLE: 'api' } });
  const { body } = await make(`/v1/images/${image.id}`);
  const url = body.url.replace(service.url, other.url);
  t.equal((await (await openApi(other.url))(url)).status, 200);
});

await t.test('links are told apart where no keys are asked for, too', async (t) => {
  const open = await startService(t, { env: { ROLE: 'api', PUBLIC_URL: 'https://images.example.com/' } });
  const anybody = await openApi(open.url);
  const { body } = await anybody<{ image: { id: string } }>('/v1/images', {
    method: 'POST',
    body: new Uint8Array(await picture()),
    headers: { 'content-type': 'image/png' },
  });
  const link = await make(`/v1/images/${body.image.id}`, undefined, anybody);
  t.match(link.body.url, /^https:\/\/images\.example\.com\/v1\//);
  const { pathname, search } = new URL(link.body.url);
  t.equal((await anybody(pathname + search)).status, 200);
  t.equal((await anybody(`${pathname}${search}x`)).status, 403);
});
