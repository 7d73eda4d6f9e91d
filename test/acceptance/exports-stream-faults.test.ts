import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { connectPostgres } from '../../lib/database/connect.js';
import { eventually } from '../helpers/events.js';
import { open } from '../helpers/raw-http.js';
import { startService } from '../helpers/service.js';
import { startPostgres } from '../helpers/services.js';
import { insertJobs } from '../lib/exports/rows.js';

const database = await startPostgres(t);
const service = await startService(t, { databaseUrl: database.url, env: { ROLE: 'api' } });
// A busy machine may find itself overloaded while it starts.
await eventually(async () => (await fetch(`${service.url}/v1/presets`)).ok || undefined);
// More than sockets and streams buffer: the server is in the middle of it when something happens.
const ROWS = 30_000;
const BYTES_A_ROW = 1200;
const PATH = '/v1/exports/stream?dataset=jobs';
const FREE_WITHIN_MS = 2_000;
await withSql((sql) => insertJobs(sql, ROWS, BYTES_A_ROW));
// With PostgreSQL's statistics, what is compressed is copied in parts.
await withSql((sql) => sql`analyze jobs`);

function withSql<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = connectPostgres(database.url, { max: 1, onnotice: () => {} });
  return work(sql).finally(() => sql.end());
}

function backends(): Promise<number> {
  return withSql(async (sql) => {
    const [row] = await sql<{ count: number }[]>`
      select count(*)::int as count from pg_stat_activity where application_name = 'halftone-export'`;
    return row?.count ?? -1;
  });
}

/** No export holds a backend, soon. */
async function allFree(t: Test): Promise<void> {
  const started = performance.now();
  await eventually(async () => ((await backends()) === 0 ? true : undefined));
  const ms = Math.round(performance.now() - started);
  t.ok(ms < FREE_WITHIN_MS, `no backend is held after ${ms} ms`);
}

/** Asks for an export and reads its head and its first bytes, and then no more. */
async function begin(headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const request = get(new URL(PATH, service.url), { headers, agent: false });
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response?.statusCode !== 200) throw new Error(`status ${response?.statusCode}`);
  await once(response, 'readable');
  return response;
}

/** Reads the rest. @returns whether the body ended as HTTP says a whole one does */
async function readOn(response: IncomingMessage): Promise<boolean> {
  response.on('error', () => {}).resume();
  if (!response.closed) await new Promise((resolve) => response.once('close', resolve));
  return response.complete;
}

await t.test('a client that leaves frees its backends', async (t) => {
  for (const leave of ['end', 'reset'] as const) {
    for (const encoding of ['identity', 'gzip', 'br']) {
      const response = await begin({ 'accept-encoding': encoding });
      t.ok((await backends()) >= 1, 'it holds one, or two');
      if (leave === 'reset') response.socket.resetAndDestroy();
      else response.destroy();
      await allFree(t);
    }
  }
});

await t.test('200 clients that leave in mid-stream leave nothing behind', async (t) => {
  const statuses = new Set<string>();
  let left = 0;
  async function client(): Promise<void> {
    const socket: Socket = await open(service.url);
    socket.on('error', () => {});
    socket.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, 'readable');
    const status = String(socket.read(12)).slice(9);
    statuses.add(status);
    socket.resetAndDestroy();
    // One that is turned away comes again, as it is told.
    if (status !== '200') return client();
    left++;
  }
  await Promise.all(Array.from({ length: 200 }, client));
  t.equal(left, 200);
  t.same(
    [...statuses].filter((status) => status !== '200' && status !== '503'),
    [],
  );
  await allFree(t);
  t.equal(await readOn(await begin()), true, 'and the next one is served whole');
});

await t.test('as many at once as the server allows, and a problem for the others', async (t) => {
  // The one before may hold its place for a moment longer than its client needs to read the end of it.
  const held = await Promise.all(Array.from({ length: 32 }, () => eventually(() => begin())));
  const refused = await fetch(new URL(PATH, service.url));
  t.equal(refused.status, 503);
  t.match(await refused.text(), /"code":"OVERLOADED"/);
  t.match(refused.headers.get('retry-after'), /^\d+$/);
  t.equal((await fetch(`${service.url}/v1/presets`)).status, 200, 'everything else goes on');
  for (const response of held) response.destroy();
  await allFree(t);
});

await t.test('one snapshot, whatever is inserted and deleted meanwhile', async (t) => {
  const response = await begin();
  await withSql(async (sql) => {
    await sql`delete from jobs where attempts_max = 7`;
    await insertJobs(sql, 1000);
  });
  let lines = 0;
  response.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) lines++;
  });
  await once(response, 'end');
  t.equal(lines, ROWS + 1, 'the header, and every row that was there');
  const deleted = ROWS / 10;
  const counted = await (await fetch(`${service.url}/v1/jobs?withTotal=true&limit=1`)).text();
  t.match(counted, `"total":${ROWS - deleted + 1000}`);
});

await t.test('a backend that is ended in mid-stream: the body is incomplete', async (t) => {
  for (const encoding of ['identity', 'gzip', 'br']) {
    const response = await begin({ 'accept-encoding': encoding });
    await withSql(
      (sql) => sql`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'halftone-export'`,
    );
    t.equal(await readOn(response), false, encoding);
    await service.logged(({ msg }) => msg === 'an export failed part-way');
    await allFree(t);
  }
});

await t.test('a PostgreSQL that stops in mid-stream: the body is incomplete, and then 503', async (t) => {
  const response = await begin();
  await database.stop();
  t.equal(await readOn(response), false);
  const refused = await fetch(new URL(PATH, service.url));
  t.equal(refused.status, 503);
  t.match(await refused.text(), /"code":"DATABASE_UNAVAILABLE"/);
  await database.restart();
  const again = await eventually(() => begin());
  t.equal(await readOn(again), true, 'and it is served again');
  await allFree(t);
});
