import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { ListBody } from '../helpers/client.js';
import { openApi } from '../helpers/contract.js';
import { connect } from '../helpers/embedded-postgres.js';
import { eventually } from '../helpers/events.js';
import { startService } from '../helpers/service.js';
import { insertJobs, insertNastyRows, nastyTexts } from '../lib/exports/rows.js';

const service = await startService(t, { env: { ROLE: 'api' } });
// A busy machine may find itself overloaded while it starts.
await eventually(async () => (await fetch(`${service.url}/v1/presets`)).ok || undefined);
const api = await openApi(service.url);
const sql = connect(t, service.databaseUrl ?? '');
await insertNastyRows(sql);

type Row = Readonly<Record<string, unknown>>;

async function stream(query: string, headers: Record<string, string> = {}) {
  const answer = await api(`/v1/exports/stream?${query}`, {
    headers: { 'accept-encoding': 'identity', ...headers },
  });
  return { ...answer, text: String(answer.bytes) };
}

/** The rows of an NDJSON export. */
async function rowsOf(query: string): Promise<Row[]> {
  const { status, text } = await stream(`format=ndjson&${query}`);
  if (status !== 200) throw new Error(text);
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the last line has no end');
  return lines.map((line) => JSON.parse(line));
}

/** All rows of a list. */
async function listed(path: string, query: string): Promise<readonly Row[]> {
  return (await api<ListBody<Row>>(`${path}?limit=200&${query}`)).body.data;
}

await t.test('a row is, value for value, what the list shows', async (t) => {
  for (const [dataset, queries] of [
    [
      'images',
      [
        'fields=id,filename,contentType,bytes,width,height,sha256,orientation,hasAlpha,pages,metadata,createdAt',
        'fields=renditions,links',
        'fields=links.self,id,renditions.url,renditions.options,metadata',
        'fields=renditions.createdAt',
        'fields[images]=links,links.self',
        'fields=id&sort=createdAt',
        'fields=id&contentType=image/png&minWidth=105&maxWidth=115',
        'fields=id&createdAfter=1969-12-31T23:59:59.998Z&createdBefore=2023-11-14T22:13:25.123456Z',
        `fields=id&filename=${encodeURIComponent("it's")}`,
        ...nastyTexts.map((text) => `fields=id,filename&filename=${encodeURIComponent(text)}`),
      ],
    ],
    [
      'jobs',
      [
        'fields=id,type,state,progress,attempts,priority,imageId,parentId,runAt,createdAt,startedAt,finishedAt,waitMs,runMs,error,result',
        'fields=links',
        'fields=links.result,attempts.made',
        'fields=error.code,error.detail,result.imageId',
        'fields=error.errors.path,error.status',
        'fields=result.renditions.url,result.renditions.name',
        'fields=error,error.code,result.renditions',
        'fields=id&state=failed&type=resize',
        'fields=id&priority=high&sort=createdAt',
      ],
    ],
  ] as const) {
    for (const query of queries) {
      const list = await listed(`/v1/${dataset}`, query);
      const rows = await rowsOf(`dataset=${dataset}&${query}`);
      t.same(rows, list, `${dataset} ${query}`);
      if (!query.includes('filename=')) t.ok(rows.length > 0, `${query} has rows`);
      t.same(JSON.parse((await stream(`format=json&dataset=${dataset}&${query}`)).text), list, 'as JSON too');
    }
  }
  const [image] = await rowsOf('dataset=images&fields=id,renditions&minWidth=101&sort=createdAt');
  for (const query of ['', 'fields=url,name&sort=createdAt', 'contentType=image/webp']) {
    t.same(
      await rowsOf(`dataset=renditions&imageId=${image?.['id']}&${query}`),
      await listed(`/v1/images/${image?.['id']}/renditions`, query),
      `renditions ${query}`,
    );
  }
  const [job] = await rowsOf('dataset=jobs&fields=imageId&state=failed');
  t.same(
    await rowsOf(`dataset=jobs&fields=id&imageId=${job?.['imageId']}`),
    await listed('/v1/jobs', `fields=id&imageId=${job?.['imageId']}`),
  );
});

await t.test('without fields: all that is the resource’s own', async (t) => {
  const [row] = await rowsOf('dataset=images');
  const [whole] = await listed('/v1/images', '');
  const { links: _, audit: __, ...own } = whole ?? {};
  t.same(row, own);
  const header = async (query: string) => (await stream(query)).text.split('\n', 1)[0];
  t.equal(
    await header('dataset=jobs'),
    'id,type,state,progress,attempts.made,attempts.max,priority,imageId,parentId,runAt,createdAt,startedAt,finishedAt,waitMs,runMs,error,result',
  );
  t.equal(await header('dataset=renditions&fields=url, id'), 'url,id', 'in the asked order');
  t.equal(
    await header('dataset=images&fields=links,id,renditions.url,links.self'),
    'links.self,links.content,links.renditions,id,renditions.url',
  );
});

await t.test('CSV that PostgreSQL reads back is what it was', async (t) => {
  for (const delimiter of [',', ';', '\t', '|']) {
    const { text } = await stream(
      `dataset=images&formulaGuard=false&sort=createdAt&delimiter=${encodeURIComponent(delimiter)}`,
    );
    await copiedBack(t, text, delimiter);
  }
});

async function copiedBack(t: Test, text: string, delimiter: string): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`
      create temporary table back (id uuid, filename text, content_type text, bytes bigint, width int, height int,
        sha256 text, orientation int, has_alpha boolean, pages int, metadata jsonb, created_at timestamptz) on commit drop`;
    const target = await tx
      .unsafe(`copy back from stdin with (format csv, header, delimiter '${delimiter}')`)
      .writable();
    await new Promise((resolve, reject) => {
      target.once('error', reject).once('finish', resolve).end(text);
    });
    const columns =
      'id, filename, content_type, bytes, width, height, sha256, orientation, has_alpha, pages, metadata, created_at';
    const [differences] = await tx.unsafe(`
      select count(*)::int as count, (select count(*)::int from back) as rows from (
        (select ${columns} from back except all select ${columns} from images)
        union all (select ${columns} from images except all select ${columns} from back)) d`);
    t.same(differences, { count: 0, rows: nastyTexts.length }, `delimiter ${JSON.stringify(delimiter)}`);
  });
}

await t.test('null, empty, booleans, times and numbers as cells', async (t) => {
  const { text } = await stream(
    'dataset=images&sort=createdAt&maxWidth=101&fields=filename,bytes,hasAlpha,createdAt',
  );
  t.equal(
    text,
    'filename,bytes,hasAlpha,createdAt\n"",1000,true,1900-01-01T00:00:00.001Z\nplain,9007199254740993,false,1969-12-31T23:59:59.999Z\n',
  );
  const exact = await stream(
    'dataset=images&format=ndjson&sort=createdAt&maxWidth=101&minWidth=101&fields=bytes',
  );
  t.equal(exact.text, '{"bytes":9007199254740993}\n', 'past 2^53, to the last digit');
  const names = await stream('dataset=renditions&sort=createdAt&fields=name');
  t.match(names.text, /^name\n\n\n/, 'a null is an empty cell');
  const jobs = await stream('dataset=jobs&state=completed&fields=error.code,error.status,links.result');
  t.ok(
    jobs.text
      .split('\n')
      .slice(1, -1)
      .every((line) => line.startsWith(',,')),
  );
  const failed = await stream('dataset=jobs&state=failed&fields=error.code,error.status,error.errors.path');
  t.match(
    failed.text,
    /^IMAGE_CORRUPT,422,"\[""a"", ""b""\]"$/m,
    'parts of JSON; through an array, an array',
  );
});

await t.test('text that a spreadsheet would run is guarded, unless it is not wanted', async (t) => {
  const cells = async (more: string) => {
    const { text } = await stream(`dataset=images&sort=createdAt&fields=filename,width${more}`);
    return csv(text).map(([cell]) => cell);
  };
  const guarded = nastyTexts.map((text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text));
  t.same(await cells(''), ['filename', ...guarded]);
  t.same(await cells('&formulaGuard=false'), ['filename', ...nastyTexts]);
  t.not(guarded.join(), nastyTexts.join(), 'there was something to guard');
});

await t.test('the byte order mark comes when it is asked for', async (t) => {
  const { bytes } = await stream('dataset=jobs&bom=true&fields=id');
  t.same(bytes.subarray(0, 5), Buffer.from('\ufeffid'));
  t.same((await stream('dataset=jobs&bom=false&fields=id')).bytes.subarray(0, 2), Buffer.from('id'));
});

await t.test('the head of the answer', async (t) => {
  for (const [format, type] of [
    ['csv', 'text/csv; charset=utf-8; header=present'],
    ['ndjson', 'application/x-ndjson'],
    ['json', 'application/json'],
  ]) {
    const { status, headers } = await stream(`dataset=jobs&format=${format}`);
    t.equal(status, 200);
    t.equal(headers.get('content-type'), type);
    t.equal(headers.get('cache-control'), 'no-store');
    t.equal(headers.get('etag'), null);
    t.match(headers.get('vary'), /accept-encoding/);
    const today = new RegExp(`^attachment; filename="?halftone-jobs-\\d{4}-\\d\\d-\\d\\d\\.${format}"?$`);
    t.match(headers.get('content-disposition'), today);
    t.match(headers.get('ratelimit-policy'), /^"expensive"/);
  }
});

await t.test('nothing is an empty export, and no error', async (t) => {
  const none = 'dataset=images&filename=none';
  t.equal((await stream(`${none}&fields=id`)).text, 'id\n');
  t.equal((await stream(`${none}&format=ndjson`)).text, '');
  t.equal((await stream(`${none}&format=json`)).text, '[]\n');
});

await t.test('another tenant’s rows are not in it', async (t) => {
  await sql`insert into tenants (id) values ('other')`;
  await sql`
    insert into jobs (id, tenant_id, type, state, priority, attempts_max, request)
    values (gen_random_uuid(), 'other', 'resize', 'queued', 'low', 3, '{}')`;
  t.equal((await rowsOf('dataset=jobs&fields=id')).length, nastyTexts.length);
});

await t.test('br and gzip are the identical bytes', async (t) => {
  for (const format of ['csv', 'ndjson', 'json']) {
    const query = `/v1/exports/stream?dataset=images&format=${format}`;
    const plain = await stream(`dataset=images&format=${format}`);
    for (const [encoding, unpack] of [
      ['gzip', gunzipSync],
      ['br', brotliDecompressSync],
    ] as const) {
      // Not by fetch, which unpacks by itself.
      const { headers, body } = await raw(query, encoding);
      t.equal(headers['content-encoding'], encoding);
      t.match(headers['vary'], /accept-encoding/);
      t.ok(body.length < plain.bytes.length);
      t.ok(unpack(body).equals(plain.bytes), `${format} ${encoding}`);
    }
    t.equal(
      (
        await stream(`dataset=images&format=${format}`, { 'x-no-compression': '1', 'accept-encoding': 'br' })
      ).headers.get('content-encoding'),
      null,
    );
  }
});

await t.test(
  'what is compressed while it is copied in parts are the same rows, in their order',
  async (t) => {
    await insertJobs(sql, 40_000);
    await sql`analyze jobs`;
    for (const sort of ['createdAt', '-createdAt']) {
      const query = `dataset=jobs&format=csv&sort=${sort}`;
      const plain = await stream(query);
      t.ok(plain.text.split('\n').length > 40_000);
      const { body } = await raw(`/v1/exports/stream?${query}`, 'gzip');
      t.ok(gunzipSync(body).equals(plain.bytes), sort);
    }
  },
);

async function raw(path: string, encoding: string) {
  const request = get(new URL(path, service.url), { headers: { 'accept-encoding': encoding } });
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (!response) throw new Error('no response');
  return { headers: response.headers, body: await buffer(response) };
}

/** A plain reader of CSV (RFC 4180). */
function csv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    row.push(quoted === undefined ? (bare ?? '') : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
