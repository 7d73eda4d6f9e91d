import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Answer, type Asked, openApi } from '../helpers/contract.js';
import { withKey } from '../helpers/keys.js';
import { picture } from '../helpers/pictures.js';
import { startReceiver } from '../helpers/receiver.js';
import { startService } from '../helpers/service.js';
import { makeTenant, type Things } from '../helpers/tenants.js';
import { filled, type Names, plainPaths, walks } from '../helpers/walks.js';

// Header fields that differ between any two answers.
const OWN_OF_AN_ANSWER = /^(x-request-id|date|server-timing|ratelimit.*)$/;

// Two tenants who have one of everything. Whatever the second asks of what is the first's, the answer is the
// one for what does not exist: same status, same body, same headers.
const file = await picture();
const outside = await startReceiver(t, (request, response) =>
  request.method === 'GET' ? void response.end(file) : void response.writeHead(204).end(),
);
const service = await startService(t, {
  env: { AUTH: 'on', RESIZE_THREADS: '1', ALLOW_PRIVATE_HOSTS: 'true' },
});
const stranger = await openApi(service.url);
const operator = withKey(stranger, (await readFile(join(service.dataDir, 'admin.key'), 'utf8')).trim());
const theirs = await makeTenant(operator, stranger, 'alpha', outside);
const own = await makeTenant(operator, stranger, 'bravo', outside);
const operations = await operationsOf(service.url);

const before = await everythingOf(theirs.things);

await t.test('every route of the document is one that is walked here', async (t) => {
  const known = [
    ...Object.entries(walks).flatMap(([path, { methods }]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    ),
    ...Object.values(plainPaths).flat(),
  ];
  t.same(
    operations.filter((operation) => operation.includes(' /v1/') && !known.includes(operation)),
    [],
    'say in test/helpers/walks.ts how these are walked',
  );
});

for (const [path, walk] of Object.entries(walks)) {
  await t.test(`${path}: as if it did not exist`, async (t) => {
    for (const naming of walk.namings(theirs.things, own.things)) {
      const unknown = Object.fromEntries(
        Object.entries(naming.theirs).map(([name, value]) => [name, nothingLike(value)]),
      );
      for (const [method, asked] of Object.entries(walk.methods)) {
        for (const headers of await conditionsOf(method, filled(path, { ...naming.theirs, ...naming.own }))) {
          const send = (names: Names) =>
            answerOf(method, filled(path, { ...names, ...naming.own }), withHeaders(asked, headers), names);
          const [got, expected] = [await send(naming.theirs), await send(unknown)];
          const about = `${method} ${Object.keys(naming.theirs)} ${JSON.stringify(headers)}`;
          t.equal(expected.status, walk.status?.[method] ?? 404, about);
          t.same(got, expected, about);
        }
      }
    }
  });
}

await t.test('lists hold nothing of another tenant, whatever their filters and cursors name', async (t) => {
  const document = await documentOf(service.url);
  for (const operation of plainPaths['lists'] ?? []) {
    const path = operation.split(' ')[1] ?? '';
    const parameters = document.paths[path]?.['get']?.parameters ?? [];
    const ids = parameters.map(({ name }) => name).filter((name) => /(Id|tenant)$/.test(name));
    const cursor = await cursorOf(path);
    const queries = [
      '',
      '?limit=200',
      '?page=1',
      ...(cursor === undefined ? [] : [`?after=${cursor}`, `?before=${cursor}`]),
      ...ids.flatMap((name) => Object.values(theirs.things).map((value) => `?${name}=${value}`)),
    ];
    for (const query of queries) {
      const { status, bytes } = await own.api(path + query);
      t.ok(status === 200 || status === 400, `${path}${query} ${status}`);
      assertNothingOf(t, theirs.things, query === '' ? bytes : withoutQuery(bytes, query), path + query);
    }
    for (const name of ids) {
      const [id, nothing] = [theirs.things.image, randomUUID()];
      const [got, none] = await Promise.all([id, nothing].map((each) => own.api(`${path}?${name}=${each}`)));
      t.same(got?.body, none?.body, `${path}?${name}`);
    }
  }
});

await t.test('what is of all tenants is for operators', async (t) => {
  for (const operation of plainPaths['refused'] ?? [])
    t.equal((await own.api(operation.split(' ')[1] ?? '')).status, 403, operation);
});

await t.test('a job that is cached for its tenant is none for another', async (t) => {
  const path = `/v1/jobs/${theirs.things.resize}`;
  for (let round = 0; round < 3; round++) {
    const [first, second, third] = await Promise.all([own.api(path), theirs.api(path), own.api(path)]);
    t.same([first.status, second.status, third.status], [404, 200, 404]);
  }
});

await t.test('nothing of the first tenant has changed', async (t) => {
  t.same(await everythingOf(theirs.things), before);
});

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly parameters?: readonly { readonly name: string }[] }>>>
  >;
}

async function documentOf(url: string): Promise<Document> {
  return JSON.parse(await (await fetch(`${url}/openapi.json`)).text());
}

/** Such as `get /v1/images`. */
async function operationsOf(url: string): Promise<string[]> {
  const { paths } = await documentOf(url);
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
}

/** A name of the same length that nothing has. */
function nothingLike(name: string): string {
  return /^[0-9a-f-]{36}$/.test(name) ? randomUUID() : 'nothing-'.padEnd(name.length, 'x');
}

/** Header fields that a request can come with beside its own: also the entity tag that only the owner knows. */
async function conditionsOf(method: string, path: string): Promise<Readonly<Record<string, string>>[]> {
  if (method === 'patch') {
    const tag = await etagOf(path);
    return tag === undefined ? [{}] : [{}, { 'if-match': tag }];
  }
  if (method !== 'get' && method !== 'head') return [{}];
  const tag = await etagOf(path);
  return [
    {},
    { 'if-none-match': '*' },
    { range: 'bytes=0-9' },
    { prefer: 'wait=1' },
    { 'last-event-id': '0' },
    ...(tag === undefined ? [] : [{ 'if-none-match': tag }, { 'if-match': tag }]),
  ];
}

async function etagOf(path: string): Promise<string | undefined> {
  if (/\/(events|uploads\/[^/]+)$/.test(path)) return undefined;
  return (await theirs.api(path)).headers.get('etag') ?? undefined;
}

function withHeaders(asked: Asked, headers: Readonly<Record<string, string>>): Asked {
  return { ...asked, headers: { ...asked.headers, ...headers } };
}

/** What an answer says, with the names that were asked for taken out. */
async function answerOf(method: string, path: string, asked: Asked, names: Names) {
  const { status, headers, bytes } = await own.api(path, { ...asked, method: method.toUpperCase() });
  const neutral = (text: string): string => {
    let rest = text.replaceAll(headers.get('x-request-id') ?? '', '<request>');
    for (const [name, value] of Object.entries(names)) rest = rest.replaceAll(value, `<${name}>`);
    return rest;
  };
  return {
    status,
    headers: [...headers]
      .filter(([name]) => !OWN_OF_AN_ANSWER.test(name))
      .map(([name, value]) => [name, neutral(value)]),
    body: neutral(String(bytes)),
  };
}

async function cursorOf(path: string): Promise<string | undefined> {
  const { body } = await theirs.api<{ pagination?: { nextCursor?: string | null } }>(`${path}?limit=1`);
  return body.pagination?.nextCursor ?? undefined;
}

/** An error repeats what was asked for. */
function withoutQuery(bytes: Buffer, query: string): string {
  return String(bytes).replaceAll(query.slice(query.indexOf('=') + 1), '');
}

function assertNothingOf(t: Test, things: Things, said: Buffer | string, about: string): void {
  const text = String(said);
  for (const [name, value] of Object.entries(things))
    if (name !== 'tenant') t.notOk(text.includes(value), `${about}: ${name}`);
}

/** What the first tenant sees of all that it has. */
async function everythingOf(things: Things): Promise<unknown> {
  const paths = [
    `/v1/images/${things.image}`,
    `/v1/images/${things.image}/content`,
    `/v1/images/${things.image}/renditions/${things.rendition}/content`,
    ...[things.resize, things.exportJob, things.batch, things.import, things.delivery].map(
      (id) => `/v1/jobs/${id}`,
    ),
    `/v1/exports/${things.export}/content`,
    `/v1/imports/${things.import}/report`,
    `/v1/schedules/${things.schedule}`,
    `/v1/webhooks/${things.webhook}`,
    `/v1/webhooks/${things.webhook}/deliveries`,
    `/v1/presets`,
    `/v1/keys`,
    `/v1/uploads/${things.upload}`,
  ];
  const seen: [string, number, string][] = [];
  for (const path of paths) {
    const { status, bytes }: Answer = await theirs.api(path);
    seen.push([path, status, String(bytes).replaceAll(/"lastUsedAt":("[^"]*"|null)/g, '')]);
  }
  return seen;
}
